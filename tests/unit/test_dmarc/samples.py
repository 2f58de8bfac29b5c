"""Reports as reporters write them, in the estate of tests/unit/declarations.py."""

from __future__ import annotations

import gzip
import zipfile
from datetime import UTC, datetime
from email.message import EmailMessage
from io import BytesIO

OURS = "192.0.2.12"
OUR_CAMPAIGNS = "192.0.2.13"
STRANGER = "203.0.113.9"
MIDNIGHT = 1_793_404_800  # 2026-10-31 00:00 UTC
DAY = 86_400


def day(number: int) -> tuple[int, int]:
    """The date_range of the day ``number`` days after MIDNIGHT, as most reporters write it."""
    begin = MIDNIGHT + number * DAY
    return begin, begin + DAY - 1


def utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def row(
    source: str = OURS,
    count: int = 1,
    *,
    dkim: str = "pass",
    spf: str = "pass",
    disposition: str = "none",
    header_from: str = "shop.example",
    signed_by: str | None = "shop.example",
    envelope: str = "bounce.shop.example",
    reason: str = "",
) -> str:
    """One record; ``reason`` is the type of a policy override."""
    why = f"<reason><type>{reason}</type><comment>x</comment></reason>" if reason else ""
    signature = (
        f"<dkim><domain>{signed_by}</domain><selector>202611-m1</selector>"
        f"<result>{dkim}</result></dkim>"
        if signed_by
        else ""
    )
    return f"""<record><row><source_ip>{source}</source_ip><count>{count}</count>
<policy_evaluated><disposition>{disposition}</disposition><dkim>{dkim}</dkim><spf>{spf}</spf>{why}
</policy_evaluated></row>
<identifiers><header_from>{header_from}</header_from></identifiers>
<auth_results>{signature}<spf><domain>{envelope}</domain><result>{spf}</result></spf>
</auth_results></record>
"""


FORGED = row(STRANGER, 7, dkim="fail", spf="fail", signed_by=None, envelope="bulk.example")


def google(
    *rows: str,
    identifier: str = "15830000000000000001",
    span: tuple[int, int] = day(0),
    policy: str = "none",
    domain: str = "shop.example",
) -> str:
    """RFC 7489, as Google writes it: version 1.0, no namespace."""
    return f"""<?xml version="1.0" encoding="UTF-8" ?>
<feedback>
  <version>1.0</version>
  <report_metadata>
    <org_name>google.com</org_name>
    <email>noreply-dmarc-support@google.com</email>
    <extra_contact_info>https://support.google.com/a/answer/2466580</extra_contact_info>
    <report_id>{identifier}</report_id>
    <date_range><begin>{span[0]}</begin><end>{span[1]}</end></date_range>
  </report_metadata>
  <policy_published>
    <domain>{domain}</domain><adkim>r</adkim><aspf>r</aspf><p>{policy}</p><sp>{policy}</sp>
    <pct>100</pct><np>{policy}</np>
  </policy_published>
  {"".join(rows or [row()])}
</feedback>
"""


def microsoft(*rows: str) -> str:
    """RFC 7489, as Microsoft writes it: schema namespaces, one line, whole days, no <np>."""
    body = "".join(rows or [row()]).replace("\n", "")
    return (
        '<?xml version="1.0"?><feedback xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xmlns:xsd="http://www.w3.org/2001/XMLSchema"><version>1.0</version><report_metadata>'
        "<org_name>Enterprise Outlook</org_name><email>dmarcreport@microsoft.com</email>"
        "<report_id>0a1b2c3d4e5f4a6b8c9d0e1f2a3b4c5d</report_id><date_range>"
        f"<begin>{MIDNIGHT}</begin><end>{MIDNIGHT + DAY}</end></date_range></report_metadata>"
        "<policy_published><domain>shop.example</domain><adkim>r</adkim><aspf>r</aspf>"
        "<p>none</p><sp>none</sp><pct>100</pct><fo>0</fo></policy_published>"
        f"{body}</feedback>"
    )


def rfc_9990(*rows: str) -> str:
    """RFC 9990: its namespace, no pct, what is new in it, and texts that name their language."""
    body = "".join(rows or [row(reason="policy_test_mode", disposition="none")])
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">
  <version>1.0</version>
  <report_metadata>
    <org_name>Sample Reporter</org_name>
    <email>report_sender@reporter.example</email>
    <extra_contact_info lang="en">https://reporter.example/dmarc</extra_contact_info>
    <report_id>3v98abbp8ya9n3va8yr8oa3ya</report_id>
    <date_range><begin>{MIDNIGHT}</begin><end>{MIDNIGHT + DAY - 1}</end></date_range>
    <generator>Example DMARC Aggregate Reporter v1.2</generator>
  </report_metadata>
  <policy_published>
    <domain>shop.example</domain><discovery_method>treewalk</discovery_method>
    <p>quarantine</p><sp>quarantine</sp><np>reject</np><testing>y</testing>
  </policy_published>
  <extension><note:arc xmlns:note="https://reporter.example/arc">none</note:arc></extension>
  {body.replace("<comment>x</comment>", '<comment lang="en">t=y</comment>')}
</feedback>
"""


def zipped(text: str | bytes, name: str = "report.xml") -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return packed.getvalue()


def gzipped(text: str | bytes) -> bytes:
    return gzip.compress(text.encode() if isinstance(text, str) else text)


def mail(*attached: tuple[str, str, bytes]) -> bytes:
    """A report mail (RFC 9990, "Email"): text, and (name, media type, content) in base64."""
    message = EmailMessage()
    message["From"] = "noreply-dmarc-support@google.com"
    message["To"] = "dmarc@shop.example"
    message["Subject"] = "Report Domain: shop.example Submitter: google.com Report-ID: <1>"
    message.set_content("This is an aggregate report.")
    for name, kind, content in attached:
        main, _, sub = kind.partition("/")
        message.add_attachment(content, main, sub, filename=name)
    return bytes(message)
