// Verifies a token by a JWKS with jose, as another service would: JWKS TOKEN ALGORITHM EXPECTED.
import { createRequire } from "node:module";

const require = createRequire(new URL("../../target/node/", import.meta.url));
const { createLocalJWKSet, jwtVerify, decodeJwt } = require("jose");

const [jwks, token, algorithm, expected] = process.argv.slice(2);
const { aud, iss } = JSON.parse(expected);
// The service under test keeps a time of its own.
const currentDate = new Date(decodeJwt(token).iat * 1000);
const options = { algorithms: [algorithm], audience: aud, issuer: iss, typ: "at+jwt", currentDate };
const { payload } = await jwtVerify(token, createLocalJWKSet(JSON.parse(jwks)), options);
console.log(JSON.stringify(payload));
