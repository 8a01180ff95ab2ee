"""Who asks in a run of Schemathesis: an admin or a user who is made anew as soon as a case has ended their session, their account or their role."""

import itertools
import os
import subprocess
import time
import urllib.parse

import requests
import schemathesis

ROLE = os.environ["DOORWARD_CASES_ROLE"]
PROGRAM = os.environ["DOORWARD_CASES_PROGRAM"]
FOLDER = os.environ["DOORWARD_CASES_FOLDER"]
URL = os.environ["DOORWARD_CASES_URL"]
PASSWORD = "an owl keeps the door"
numbers = itertools.count()
turns = itertools.count()
# Changes of accounts and roles need a login of the last ten minutes.
FRESH_FOR = 8 * 60


class Person:
    """Someone with a live session."""

    def __init__(self):
        self.email = f"{ROLE}-{os.getpid()}-{next(numbers)}@example.com"
        create = [PROGRAM, "user", "create", self.email, "--role", ROLE]
        subprocess.run(create, cwd=FOLDER, input=PASSWORD.encode(), env={}, check=True, stdout=subprocess.DEVNULL)
        self.log_in()

    def log_in(self):
        answer = requests.post(URL + "/login", data={"username": self.email, "password": PASSWORD}, timeout=60)
        answer.raise_for_status()
        tokens = answer.json()
        self.access_token, self.refresh_token = tokens["access_token"], tokens["refresh_token"]
        self.logged_in_at = time.monotonic()

    def stands(self):
        if time.monotonic() - self.logged_in_at > FRESH_FOR:
            return False
        me = requests.get(URL + "/me", headers={"Authorization": f"Bearer {self.access_token}"}, timeout=60)
        return me.status_code == 200 and me.json()["role"] == ROLE and me.json()["email"] == self.email


someone = None


def person():
    global someone
    if someone is None or not someone.stands():
        someone = Person()
    return someone


def is_public(case):
    return case.operation.definition.raw.get("security") == []


@schemathesis.auth(refresh_interval=None)
class Bearer:
    def get(self, case, context):
        return None if is_public(case) else person().access_token

    def set(self, case, token, context):
        if token is not None:
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}


@schemathesis.hook
def before_call(context, case, kwargs):
    """Every second form or body that is valid tells what is right, which chance never finds."""
    if not isinstance(case.body, dict) or case.meta is None or not case.meta.generation.mode.is_positive or next(turns) % 2:
        return
    right = {"current_password": lambda: PASSWORD}
    if case.operation.path in ("/login", "/oauth/token"):
        right |= {"username": lambda: person().email, "password": lambda: PASSWORD}
    right |= {"refresh_token": lambda: person().refresh_token, "token": lambda: person().access_token}
    for name, value in right.items():
        if name in case.body:
            case.body[name] = value()
    if case.operation.path == "/oauth/token":
        case.body["grant_type"] = "refresh_token" if "refresh_token" in case.body else "password"


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """An empty field of a form or query is an absent one (RFC 6749 section 3.2), which a schema that has a pattern, a format or a number cannot say."""
    sent = urllib.parse.urlsplit(response.request.url).query
    if "urlencoded" in response.request.headers.get("Content-Type", ""):
        body = response.request.body or ""
        sent += "&" + (body.decode(errors="replace") if isinstance(body, bytes) else body)
    empty = any(value == "" for _, value in urllib.parse.parse_qsl(sent, keep_blank_values=True))
    return type(failure).__name__ != "AcceptedNegativeData" or not empty
