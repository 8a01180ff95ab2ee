// An app whose routes Doorward guards. `DOORWARD_ISSUER=http://127.0.0.1:8000 PORT=9000 node express_app.js`
// Doorward itself with `DOORWARD_JWT_ALGORITHM=EdDSA`, so that there are public keys to verify by.

import { guard } from "doorward/express";
import { jwksVerifier } from "doorward/verify";
import express from "express";

const signedIn = guard(jwksVerifier({ issuer: process.env["DOORWARD_ISSUER"] ?? "http://127.0.0.1:8000" }));
const app = express();

app.get("/", (_request, response) => {
  response.json({ greeting: "Hello" });
});

app.get("/private", signedIn, (request, response) => {
  response.json({ subject: request.doorward?.subject, role: request.doorward?.role });
});

app.listen(Number(process.env["PORT"] ?? 9000), "127.0.0.1");
