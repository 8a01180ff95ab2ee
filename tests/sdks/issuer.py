"""An issuer with one good token and many that lack something: prints its address and the tokens, and serves its keys."""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from jwt.algorithms import ECAlgorithm

key, another = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
keys = json.dumps({"keys": [ECAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "known", "alg": "ES256", "use": "sig"}]}).encode()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(keys)))
        self.end_headers()
        self.wfile.write(keys)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
url = f"http://127.0.0.1:{server.server_port}"
now = int(time.time())
claims = {"iss": url, "aud": "doorward", "sub": "someone", "client_id": "doorward", "iat": now, "exp": now + 600, "jti": "j", "sid": "s", "role": "user"}


def token(changes=(), header=(), key=key, algorithm="ES256"):
    wanted = {name: value for name, value in (claims | dict(changes)).items() if value is not None}
    return jwt.encode(wanted, key, algorithm, headers={"typ": "at+jwt", "kid": "known"} | dict(header))


tokens = {
    "good": token(),
    "of another key": token(key=another),
    "of an unknown key": token(header={"kid": "unknown"}, key=another),
    "without a kid": jwt.encode(claims, key, "ES256", headers={"typ": "at+jwt"}),
    "an id token": token(header={"typ": "JWT"}),
    "without a type": jwt.encode(claims, key, "ES256", headers={"typ": None, "kid": "known"}),
    "signed with the public key as a secret": token(key="x" * 32, algorithm="HS256"),
    "unsigned": token(key=None, algorithm="none"),
    "of another issuer": token({"iss": "http://127.0.0.1"}),
    "for another audience": token({"aud": "another"}),
    "expired": token({"exp": now - 1}),
    "not yet valid": token({"nbf": now + 600}),
} | {f"without {name}": token({name: None}) for name in claims}
print(url)
print(json.dumps(tokens), flush=True)
server.serve_forever()
