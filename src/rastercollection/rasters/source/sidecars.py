"""Files beside a raster that belong to it: world files, masks, RPCs, ``.aux.xml``. Only vetted ones reach GDAL."""

from __future__ import annotations

import html
import re
import secrets
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

import attrs

from rastercollection.core.models import Notify
from rastercollection.errors import ObjectNotFoundError, PermissionDeniedError, TaskError
from rastercollection.ports.addresses import public_form
from rastercollection.ports.storage import StorageBackend
from rastercollection.rasters.source.reader import check_crs_text
from rastercollection.rasters.source.tiff import is_tiff
from rastercollection.rasters.source.two_files import file_names

__all__ = ["Sidecar", "find_sidecars", "sidecar_names"]

_LARGEST_TEXT = 2**20
_LARGEST_XML = 16 * 2**20
_LOOKUPS = 8
_STATISTICS = re.compile(r"STATISTICS_\w+")
_POINTS_ELSEWHERE = ("sourcefilename", "sourcedataset", "vrtdataset", "relativetovrt", "overviewfile", "maskband")
_OVERVIEWS_ELSEWHERE = re.compile(r"\s*(?:OVERVIEWS|OVERVIEW_FILE)\b", re.IGNORECASE)
_SRS = re.compile(r"\s*SRS\b", re.IGNORECASE)


@attrs.frozen(kw_only=True)
class Sidecar:
    """A file that belongs to a raster, looked at and found harmless.

    Attributes:
        name: Its file name, as GDAL looks for it.
        url: Where the store has it.
        content: Its bytes; None for a mask, which is a raster in its own right and may be large.
    """

    name: str
    url: str
    content: bytes | None = attrs.field(repr=False)


def sidecar_names(name: str, driver: str) -> tuple[str, ...]:
    """Names of files that GDAL would read together with a raster called ``name``, overviews excepted.

    World files are named as Esri does: first and last letter of the extension and ``w``, or the extension and ``w``,
    or ``.wld``.
    """
    path = PurePosixPath(name)
    stem, extension = path.stem, path.suffix.lstrip(".")
    beside = [f"{name}.aux.xml", f"{name}.msk"]
    world = [f"{extension[0]}{extension[-1]}w", f"{extension}w"] if extension else []
    if driver in ("GTiff", "COG", "PNG", "JPEG", "JP2OpenJPEG"):
        beside += [f"{stem}.{ending}" for ending in _both_cases([*world, "wld", "tab"])]
    if driver in ("GTiff", "COG", "JP2OpenJPEG"):
        beside += [f"{stem}.{ending}" for ending in _both_cases(["rpb", "imd"])]
        beside += [f"{stem}_{ending}" for ending in ("RPC.TXT", "rpc.txt", "RPC.txt")]
    if driver == "AAIGrid":
        beside += [f"{stem}.{ending}" for ending in _both_cases(["prj"])]
    if driver == "HFA":
        beside += [f"{stem}.{ending}" for ending in _both_cases(["ige"])]
    if driver in ("GTiff", "COG"):
        beside += [f"{stem}.xml"]
    beside += file_names(name, driver)
    return tuple(dict.fromkeys(beside))


def _both_cases(endings: Iterable[str]) -> list[str]:
    return [case for ending in endings for case in (ending.lower(), ending.upper())]


def find_sidecars(
    storage: StorageBackend, url: str, blob: str, driver: str, *, far: bool, notify: Notify | None = None
) -> tuple[Sidecar, ...]:
    """The sidecars of the raster at ``url`` that GDAL needs, each vetted.

    An ``.aux.xml`` that holds nothing but statistics is left out: statistics are made afresh. Only what the store says
    is absent is absent. A store that answers "forbidden" for what cannot be there, as object stores do for those who
    may not list them, does not tell: the raster is taken to have no sidecars, and that is said.

    Args:
        storage: Where they are.
        url, blob: The raster.
        driver: GDAL's name of its format.
        far: Whether each look-up is a request to a server; they are then made at the same time.
        notify: Told ``SIDECARS_UNKNOWN``.

    Raises:
        TaskError: ``UNSAFE_SOURCE``; one of them is not what its name says, or leads to other files.
        PermissionDeniedError: One of them is there and may not be read.
        BackendError: The store could not be asked for one of them.
    """
    folder, _, name = url.rpartition("/")
    names = sidecar_names(name, driver)
    urls = [f"{folder}/{sidecar}" if folder else sidecar for sidecar in names]
    answers = list(zip(names, urls, _exist(storage, urls, far), strict=True))
    forbidden = [sidecar for sidecar, _, there in answers if there is None]
    if forbidden:
        _check_untold(storage, url, blob, forbidden, notify)
    vetted = [_vet(storage, sidecar, where, blob) for sidecar, where, there in answers if there]
    return tuple(sidecar for sidecar in vetted if sidecar is not None)


def _exist(storage: StorageBackend, urls: Sequence[str], far: bool) -> list[bool | None]:
    """Whether each is an object; None where the answer is "forbidden"."""

    def is_object(url: str) -> bool | None:
        try:
            # most are absent, and to be told so by an error costs more than the look itself; a request costs most
            return (far or storage.exists(url)) and not storage.stat(url).is_folder
        except ObjectNotFoundError:
            return False
        except PermissionDeniedError:
            return None

    if not far:
        return [is_object(url) for url in urls]
    with ThreadPoolExecutor(_LOOKUPS) as pool:
        return list(pool.map(is_object, urls))


def _check_untold(
    storage: StorageBackend, url: str, blob: str, forbidden: Sequence[str], notify: Notify | None
) -> None:
    """Go on where the store forbids to look for anything that is not there; else the sidecars it forbids are there."""
    folder = url.rpartition("/")[0]
    no_file = f"{folder}/{secrets.token_hex(16)}"
    if _exist(storage, [no_file], far=False) != [None]:
        raise PermissionDeniedError(
            f"{blob}: {', '.join(forbidden)} beside it may not be read, and would be read together with it.",
            "Allow to read what lies beside the rasters, or remove it.",
            public_form(f"{folder}/{forbidden[0]}"),
        )
    if notify:
        notify(
            "SIDECARS_UNKNOWN",
            f"{public_form(folder)} answers 'forbidden' for files that are not there: whether rasters in it have "
            "sidecars (.aux.xml, .msk, world files) could not be told, and they were read without. Allow the "
            "credentials to list it (S3: s3:ListBucket) if there are any.",
        )


def _vet(storage: StorageBackend, name: str, url: str, blob: str) -> Sidecar | None:
    ending = name.rsplit(".", 1)[-1].lower()
    if ending == "msk":
        if not is_tiff(storage.read(url, 0, 4)):
            raise _unsafe(blob, name, "is not a TIFF")
        return Sidecar(name=name, url=url, content=None)
    if ending == "ige":
        if not storage.read(url, 0, 23).startswith(b"ERDAS_IMG_EXTERNAL_RAS"):
            raise _unsafe(blob, name, "is not the data of an Erdas Imagine file")
        return Sidecar(name=name, url=url, content=None)
    limit = _LARGEST_XML if ending == "xml" else _LARGEST_TEXT
    content = storage.read(url, 0, limit + 1)
    if len(content) > limit:
        raise _unsafe(blob, name, f"is larger than {limit:,} bytes")
    check: Callable[[str, str, bytes], bool] = _vet_xml if ending == "xml" else _vet_text
    if ending == "xml" and not name.lower().endswith(".aux.xml"):
        check = _vet_esri
    return Sidecar(name=name, url=url, content=content) if check(blob, name, content) else None


def _vet_text(blob: str, name: str, content: bytes) -> bool:
    if b"\0" in content or content.lstrip()[:1] in (b"<", b"{"):
        raise _unsafe(blob, name, "is not the plain text that its name says")
    check_crs_text(content.decode(errors="replace"), f"{blob}: the file {name} beside it")
    return bool(content.strip())


def _vet_xml(blob: str, name: str, content: bytes) -> bool:
    """Whether it holds more than statistics; entities and references to other files are refused."""
    if b"<!" in re.sub(rb"<!--.*?-->", b"", content, flags=re.DOTALL):
        raise _unsafe(blob, name, "declares entities")
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError) as error:
        raise _unsafe(blob, name, f"is not well-formed XML ({error})") from error
    if _tag(root) != "pamdataset":
        raise _unsafe(blob, name, f"is a <{root.tag}>, not a <PAMDataset>")
    for element in root.iter():
        if _tag(element) in _POINTS_ELSEWHERE or any(map(_OVERVIEWS_ELSEWHERE.match, _words(element))):
            raise _unsafe(blob, name, "leads to other files")
        for text in _crs_texts(element):
            check_crs_text(text, f"{blob}: the file {name} beside it")
    return any(_says_more(child) for child in root)


def _vet_esri(_blob: str, _name: str, content: bytes) -> bool:
    """Whether it is Esri's description of a raster and names a CRS by its code, which is all that GDAL takes from it.

    Other XML files of that name belong to other programs and are none of our business.
    """
    if b"<!" in re.sub(rb"<!--.*?-->", b"", content, flags=re.DOTALL):
        return False
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError):
        return False
    code = root.find("refSysInfo/RefSystem/refSysID/identCode")
    return root.tag == "metadata" and code is not None and code.get("code", "").isdecimal()


def _crs_texts(element: ElementTree.Element) -> Iterator[str]:
    """What GDAL takes for definitions of CRSs in an element of a PAM file, its own and Esri's.

    Esri's may be XML once more, as a text.
    """
    text = element.text or ""
    if _tag(element) in ("srs", "wkt", "projection") or any(map(_SRS.match, element.attrib.values())):
        yield from (text, *element.attrib.values())
    if "<" in text and "wkt" in text.lower():
        yield html.unescape(text)
    yield from (value for name, value in element.attrib.items() if _local(name) == "projection")


def _words(element: ElementTree.Element) -> tuple[str, ...]:
    """What may be the name of a domain or of an item: GDAL looks for attributes and elements by the same name."""
    named = _tag(element) in ("domain", "key")
    return (*element.attrib.values(), *((element.text or "",) if named else ()))


def _tag(element: ElementTree.Element) -> str:
    return _local(element.tag)


def _local(name: str) -> str:
    """A name as GDAL compares it: in any case, and whatever name space it is declared in."""
    return name.rpartition("}")[2].lower()


def _says_more(element: ElementTree.Element) -> bool:
    """Whether an element of a PAM file holds anything but statistics and histograms."""
    if _tag(element) == "pamrasterband":
        return any(_says_more(child) for child in element)
    if _tag(element) == "metadata" and not element.attrib:
        return any(not _STATISTICS.fullmatch(item.get("key", "")) for item in element)
    return _tag(element) != "histograms"


def _unsafe(blob: str, name: str, problem: str) -> TaskError:
    return TaskError(
        f"{blob}: the file {name} beside it {problem}; GDAL would read it together with the raster.",
        f"Remove or repair {name}.",
        "UNSAFE_SOURCE",
    )
