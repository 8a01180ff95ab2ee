"""Verifies a token by a JWKS with PyJWT, as another service would: JWKS TOKEN ALGORITHM EXPECTED."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "target" / "python"))
import jwt

jwks, token, algorithm, expected = sys.argv[1:]
expected = json.loads(expected)
key = jwt.PyJWKSet.from_json(jwks)[jwt.get_unverified_header(token)["kid"]]
# The service under test keeps a time of its own.
options = {"verify_exp": False, "verify_iat": False, "require": ["exp", "iat", "sub", "sid"]}
print(json.dumps(jwt.decode(token, key, algorithms=[algorithm], audience=expected["aud"], issuer=expected["iss"], options=options)))
