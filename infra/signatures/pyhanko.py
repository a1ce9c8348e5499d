# Judges signed files with pyHanko, one a line: {"file", "content" beside it, "seconds"} -> {"verdict", "words"}. The first line holds the
# certificates to judge by and whether revocation is asked for; its answer is the version. It is told nothing of what is expected.
import asyncio
import hashlib
import json
import logging
import signal
import sys
from importlib.metadata import version

from asn1crypto import cms, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.general import extract_signer_info
from pyhanko.sign.validation import (
    StandardCMSSignatureStatus,
    async_validate_cms_signature,
    async_validate_detached_cms,
    async_validate_pdf_signature,
)
from pyhanko.sign.validation.generic_cms import collect_signer_attr_status, collect_timing_info
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import ValidationContext

logging.disable(logging.CRITICAL)
USAGE = KeyUsageConstraints(key_usage={"non_repudiation"})


def read(path):
    with open(path, "rb") as f:
        return f.read()


class Known:
    def __init__(self, said):
        self.roots = [x509.Certificate.load(read(f)) for f in said["roots"]]
        self.others = [x509.Certificate.load(read(f)) for f in said["intermediates"] or []]
        self.revocation = said["revocation"]

    # At an instant that is past, answers of today tell what was revoked then.
    def context(self, moment=None):
        return ValidationContext(trust_roots=self.roots, other_certs=self.others, allow_fetching=self.revocation,
                                 revocation_mode="require" if self.revocation else "soft-fail", moment=moment, retroactive_revinfo=moment is not None)


def tell(status):
    return {"verdict": "valid" if status.bottom_line else "invalid", "words": words(status)}


def words(status):
    said = [status.summary()]
    for at in ("trust_problem_indic", "error_subindic"):
        found = getattr(status, at, None)
        if found is not None:
            said.append(str(getattr(found, "name", found)))
    level = getattr(status, "modification_level", None)
    if level is not None:
        said.append("changes " + level.name)
    return " ".join(dict.fromkeys(said))


# Twice where there is a timestamp that holds: the second time at its instant.
async def judge(known, validate):
    status = await validate(known.context(), known.context())
    stamp = status.timestamp_validity
    if not status.bottom_line and stamp is not None and stamp.valid and stamp.trusted:
        status = await validate(known.context(stamp.timestamp), known.context())
    return status


async def pdf(known, path):
    with open(path, "rb") as f:
        found = list(PdfFileReader(f).embedded_regular_signatures)
        if not found:
            return {"verdict": "invalid", "words": "no signature"}
        for one in found:
            status = await judge(known, lambda c, t: async_validate_pdf_signature(one, c, t, key_usage_settings=USAGE))
            if not status.bottom_line:
                break
        return tell(status)


async def envelope(known, data):
    while True:
        info = cms.ContentInfo.load(data)
        signed = info["content"]
        inside = signed["encap_content_info"]["content"].native
        if inside is None:
            return {"verdict": "invalid", "words": "no content in the envelope"}
        status = await judge(known, lambda c, t: attached(signed, inside, c, t))
        if not status.bottom_line or not is_signed(inside):
            return tell(status)
        data = inside


# What async_validate_detached_cms does, for an envelope that has its content.
async def attached(signed, inside, context, stamps):
    signer = extract_signer_info(signed)
    known = await collect_timing_info(signer, stamps, raw_digest=lambda name: hashlib.new(name, inside).digest())
    known |= await collect_signer_attr_status(sd_attr_certificates=[], signer_cert=None, validation_context=None,
                                              sd_signed_attrs=signer["signed_attrs"])
    return await async_validate_cms_signature(signed, StandardCMSSignatureStatus, validation_context=context, status_kwargs=known,
                                              key_usage_settings=USAGE)


def is_signed(data):
    try:
        return cms.ContentInfo.load(data)["content_type"].native == "signed_data"
    except (ValueError, TypeError):
        return False


def late(*_):
    raise TimeoutError("took too long")


async def beside(known, data, content):
    signed = cms.ContentInfo.load(data)["content"]
    return tell(await judge(known, lambda c, t: async_validate_detached_cms(content, signed, c, t, key_usage_settings=USAGE)))


async def one(known, path, content):
    data = read(path)
    if content:
        return await beside(known, data, read(content))
    return await (pdf(known, path) if data.startswith(b"%PDF-") else envelope(known, data))


def main():
    known = Known(json.loads(sys.stdin.readline()))
    print(json.dumps({"version": version("pyHanko")}), flush=True)
    signal.signal(signal.SIGALRM, late)
    for line in sys.stdin:
        said = json.loads(line)
        signal.alarm(int(said["seconds"]))
        try:
            answer = asyncio.run(one(known, said["file"], said.get("content")))
        except Exception as fault:  # whatever a file makes it raise, it is not a valid signature to it
            answer = {"verdict": "invalid", "words": type(fault).__name__ + ": " + " ".join(str(fault).split())[:200]}
        signal.alarm(0)
        print(json.dumps(answer), flush=True)


main()
