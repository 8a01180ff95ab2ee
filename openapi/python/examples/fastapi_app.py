"""An app whose routes Doorward guards. `DOORWARD_ISSUER=http://127.0.0.1:8000 uvicorn fastapi_app:app --port 9000`

Doorward itself with `DOORWARD_JWT_ALGORITHM=EdDSA`, so that there are public keys to verify by.
"""

import os
from typing import Annotated

from fastapi import Depends, FastAPI

from doorward.fastapi import Guard
from doorward.verify import Claims, JwksVerifier

app = FastAPI()
guard = Guard(JwksVerifier(os.environ.get("DOORWARD_ISSUER", "http://127.0.0.1:8000")))


@app.get("/")
def public() -> dict[str, str]:
    """For everyone."""
    return {"greeting": "Hello"}


@app.get("/private")
def private(who: Annotated[Claims, Depends(guard)]) -> dict[str, str]:
    """For whoever is signed in."""
    return {"subject": who.subject, "role": who.role}
