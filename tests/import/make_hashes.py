"""Prints password hashes as other systems make them, for the test that imported users keep their passwords.

One JSON object a line: {"format", "hash", "password"}. The passwords are always the same; the salts are not. Costs are low, but for one default.

Needs: passlib==1.7.* 'bcrypt<4.1' django==5.2.* argon2-cffi cryptography
(bcrypt 4.1 took away what passlib asks for, and bcrypt 5 refuses what bcrypt has always cut.)
"""

import base64
import hashlib
import json
import os

import argon2
import bcrypt
import django.conf
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from django.contrib.auth import hashers
from passlib import hash as passlib

PASSWORDS = [
    "correct horse battery staple",
    "Zażółć gęślą jaźń, Ἀχιλῆος, 東京 🦉",
    "a password longer than the seventy-two bytes at which bcrypt stops reading: the rest",
    "пароль длиннее семидесяти двух байтов, где bcrypt режет букву пополам: 🗝",
    "cafe\u0301 noir, typed in NFD as some keyboards do",
]

# The published test vector's project: github.com/firebase/scrypt.
SIGNER_KEY = "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
SALT_SEPARATOR = "Bw=="


def b64(data):
    return base64.b64encode(data).decode()


def b64_unpadded(data):
    return b64(data).rstrip("=")


def firebase(password):
    salt = os.urandom(10)
    key = hashlib.scrypt(password.encode(), salt=salt + base64.b64decode(SALT_SEPARATOR), n=2**14, r=8, p=1, maxmem=2**26, dklen=32)
    encryptor = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
    hashed = encryptor.update(base64.b64decode(SIGNER_KEY)) + encryptor.finalize()
    return f"$fbscrypt$v=1,n=14,r=8,p=1,ss={SALT_SEPARATOR},sk={SIGNER_KEY}${b64(salt)}${b64(hashed)}"


def phc_scrypt(password):
    """As RustCrypto's scrypt writes it."""
    salt = os.urandom(16)
    hashed = hashlib.scrypt(password.encode(), salt=salt, n=2**10, r=4, p=2, dklen=32)
    return f"$scrypt$ln=10,r=4,p=2${b64_unpadded(salt)}${b64_unpadded(hashed)}"


def phc_pbkdf2(digest):
    """As RustCrypto's pbkdf2 writes it."""

    def make(password):
        salt = os.urandom(16)
        hashed = hashlib.pbkdf2_hmac(digest, password.encode(), salt, 6000, 32)
        return f"$pbkdf2-{digest}$i=6000,l=32${b64_unpadded(salt)}${b64_unpadded(hashed)}"

    return make


def bcrypt_library(prefix):
    return lambda password: bcrypt.hashpw(password.encode(), bcrypt.gensalt(5, prefix=prefix)).decode()


def argon2_library(kind, version=19):
    def make(password):
        secret = (password.encode(), os.urandom(16))
        cost = {"time_cost": 2, "memory_cost": 256, "parallelism": 2, "hash_len": 32}
        return argon2.low_level.hash_secret(*secret, **cost, type=kind, version=version).decode()

    return make


def django_hasher(hasher, **cost):
    for name, value in cost.items():
        setattr(hasher, name, value)
    return lambda password: hasher.encode(password, hasher.salt())


MAKERS = {
    "bcrypt 2a": bcrypt_library(b"2a"),
    "bcrypt 2b": bcrypt_library(b"2b"),
    "bcrypt 2y, passlib": passlib.bcrypt.using(rounds=5, ident="2y").hash,
    "bcrypt-sha256 v2, passlib": passlib.bcrypt_sha256.using(rounds=5).hash,
    "bcrypt-sha256 v1, passlib": passlib.bcrypt_sha256.using(rounds=5, version=1).hash,
    "bcrypt, Django": django_hasher(hashers.BCryptPasswordHasher(), rounds=5),
    "bcrypt_sha256, Django": django_hasher(hashers.BCryptSHA256PasswordHasher(), rounds=5),
    "argon2id": argon2_library(argon2.Type.ID),
    "argon2i": argon2_library(argon2.Type.I),
    "argon2d": argon2_library(argon2.Type.D),
    "argon2i of 2015": argon2_library(argon2.Type.I, version=16),
    "argon2, Django's default": django_hasher(hashers.Argon2PasswordHasher()),
    "scrypt, PHC": phc_scrypt,
    "scrypt, passlib": passlib.scrypt.using(rounds=10).hash,
    "scrypt, Django": django_hasher(hashers.ScryptPasswordHasher(), work_factor=2**10),
    "scrypt, Firebase": firebase,
    "pbkdf2_sha256, Django": django_hasher(hashers.PBKDF2PasswordHasher(), iterations=6000),
    "pbkdf2_sha1, Django": django_hasher(hashers.PBKDF2SHA1PasswordHasher(), iterations=6000),
    "pbkdf2-sha1, passlib": passlib.pbkdf2_sha1.using(rounds=6000).hash,
    "pbkdf2-sha256, passlib": passlib.pbkdf2_sha256.using(rounds=6000).hash,
    "pbkdf2-sha512, passlib": passlib.pbkdf2_sha512.using(rounds=6000).hash,
    "pbkdf2-sha256, PHC": phc_pbkdf2("sha256"),
    "pbkdf2-sha512, PHC": phc_pbkdf2("sha512"),
    "sha256-crypt": passlib.sha256_crypt.using(rounds=5000).hash,
    "sha256-crypt with rounds": passlib.sha256_crypt.using(rounds=1234).hash,
    "sha512-crypt": passlib.sha512_crypt.using(rounds=5000).hash,
    "sha512-crypt with rounds": passlib.sha512_crypt.using(rounds=1234).hash,
    "phpass P": passlib.phpass.using(rounds=8).hash,
    "phpass H": passlib.phpass.using(rounds=8, ident="H").hash,
}


def main():
    django.conf.settings.configure()
    for form, make in MAKERS.items():
        for password in PASSWORDS:
            print(json.dumps({"format": form, "hash": make(password), "password": password}))


if __name__ == "__main__":
    main()
