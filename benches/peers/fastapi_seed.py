"""The service that Doorward grew from, as FastAPI's users write it: a dozen lines, the users in memory, nothing looked up but them."""

from datetime import datetime, timedelta, timezone
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from jose import JWTError, jwt
from pwdlib import PasswordHash
from pwdlib.hashers.bcrypt import BcryptHasher
from pydantic import BaseModel, EmailStr

SECRET = "the benchmark's own secret, forty bytes!!"

app = FastAPI()
bearer = OAuth2PasswordBearer(tokenUrl="login")
passwords = PasswordHash((BcryptHasher(),))
users = {}


class NewUser(BaseModel):
    email: EmailStr
    password: str


class User(BaseModel):
    id: int
    email: EmailStr
    is_active: bool = True


async def current_user(token: Annotated[str, Depends(bearer)]):
    try:
        email = jwt.decode(token, SECRET, algorithms=["HS256"])["sub"]
        return users[email][0]
    except (JWTError, KeyError):
        raise HTTPException(401, "Could not validate credentials", {"WWW-Authenticate": "Bearer"})


@app.post("/register", status_code=201)
async def register(new: NewUser) -> User:
    if new.email in users:
        raise HTTPException(400, "Email already registered")
    users[new.email] = User(id=len(users) + 1, email=new.email), passwords.hash(new.password)
    return users[new.email][0]


@app.post("/login")
async def login(form: Annotated[OAuth2PasswordRequestForm, Depends()]):
    _, hash = users.get(form.username, (None, None))
    if hash is None or not passwords.verify(form.password, hash):
        raise HTTPException(401, "Incorrect username or password", {"WWW-Authenticate": "Bearer"})
    expires = datetime.now(timezone.utc) + timedelta(minutes=15)
    return {"access_token": jwt.encode({"sub": form.username, "exp": expires}, SECRET, "HS256"), "token_type": "bearer"}


@app.get("/me")
async def me(user: Annotated[User, Depends(current_user)]) -> User:
    return user
