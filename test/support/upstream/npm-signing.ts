import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

// How the public npm registry signs: each version by `name@version:integrity`, and its own publish attestations, which are Sigstore
// bundles whose signature is entered in a transparency log. The log here is of the same kind, with a key of its own.

type Signature = { readonly keyid: string; readonly sig: string }

export type Signer = {
  /** As `/-/npm/v1/keys` lists it. */
  readonly publicKey: {
    readonly expires: string | null
    readonly keyid: string
    readonly keytype: string
    readonly scheme: string
    readonly key: string
  }
  sign(message: string | Buffer): Signature
  /** Sigstore's trusted root, which clients have from elsewhere: it says whose log entries count. */
  readonly trustedRoot: object
  /** The log's promise that it has the entry. */
  enter(body: Buffer): object
}

const spki = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' })
const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()
const INTEGRATED_AT = Date.parse('2024-01-01T00:00:00.000Z') / 1000

export function createSigner(): Signer {
  const registry = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const log = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const der = spki(registry.publicKey)
  const keyid = `SHA256:${sha256(der).toString('base64').replace('=', '')}`
  const logKey = spki(log.publicKey)
  const logId = sha256(logKey)
  return {
    publicKey: {
      expires: null,
      keyid,
      keytype: 'ecdsa-sha2-nistp256',
      scheme: 'ecdsa-sha2-nistp256',
      key: der.toString('base64'),
    },
    sign: (message) => ({
      keyid,
      sig: sign('sha256', Buffer.from(message), registry.privateKey).toString('base64'),
    }),
    trustedRoot: {
      mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
      tlogs: [
        {
          baseUrl: 'https://log.example',
          hashAlgorithm: 'SHA2_256',
          publicKey: {
            rawBytes: logKey.toString('base64'),
            keyDetails: 'PKIX_ECDSA_P256_SHA_256',
            validFor: { start: '2020-01-01T00:00:00Z' },
          },
          logId: { keyId: logId.toString('base64') },
        },
      ],
      certificateAuthorities: [],
      ctlogs: [],
      timestampAuthorities: [],
    },
    enter(content) {
      const body = content.toString('base64')
      // Canonical JSON: members in the order of their names.
      const promise = JSON.stringify({
        body,
        integratedTime: INTEGRATED_AT,
        logID: logId.toString('hex'),
        logIndex: 1,
      })
      return {
        logIndex: '1',
        logId: { keyId: logId.toString('base64') },
        kindVersion: { kind: 'dsse', version: '0.0.1' },
        integratedTime: String(INTEGRATED_AT),
        inclusionPromise: {
          signedEntryTimestamp: sign('sha256', Buffer.from(promise), log.privateKey).toString('base64'),
        },
        canonicalizedBody: body,
      }
    },
  }
}

const PUBLISH_PREDICATE = 'https://publish.example/attestation/v0.1'
const IN_TOTO = 'application/vnd.in-toto+json'

/** The registry's word that it published these bytes under this name: one entry of an attestations document. */
export function attest(
  signer: Signer,
  { name, version, bytes }: { readonly name: string; readonly version: string; readonly bytes: Uint8Array },
) {
  const statement = {
    _type: 'https://in-toto.io/Statement/v0.1',
    subject: [
      {
        name: `pkg:npm/${name.replace('@', '%40')}@${version}`,
        digest: { sha512: createHash('sha512').update(bytes).digest('hex') },
      },
    ],
    predicateType: PUBLISH_PREDICATE,
    predicate: { name, version, registry: 'https://registry.example' },
  }
  const payload = Buffer.from(JSON.stringify(statement))
  // DSSE's pre-authentication encoding: what is signed is the type as well as the payload.
  const { keyid, sig } = signer.sign(
    Buffer.concat([Buffer.from(`DSSEv1 ${IN_TOTO.length} ${IN_TOTO} ${payload.length} `), payload]),
  )
  const entry = {
    apiVersion: '0.0.1',
    kind: 'dsse',
    spec: {
      payloadHash: { algorithm: 'sha256', value: sha256(payload).toString('hex') },
      signatures: [{ signature: sig, verifier: signer.publicKey.key }],
    },
  }
  return {
    predicateType: PUBLISH_PREDICATE,
    bundle: {
      mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.1',
      verificationMaterial: {
        publicKey: { hint: keyid },
        tlogEntries: [signer.enter(Buffer.from(JSON.stringify(entry)))],
        timestampVerificationData: { rfc3161Timestamps: [] },
      },
      dsseEnvelope: { payload: payload.toString('base64'), payloadType: IN_TOTO, signatures: [{ keyid, sig }] },
    },
  }
}
