import pytest

from factory.kit import downloads
from factory.kit.downloads import TooMany, download


@pytest.mark.django_db
def test_few_at_once_and_a_place_comes_back_whether_it_was_read_or_not() -> None:
    under_way = [download(iter([b"a", b"b"]), "text/plain", "x.txt") for _ in range(downloads.MOST)]
    with pytest.raises(TooMany):
        download(iter([b"a"]), "text/plain", "x.txt")
    assert under_way[0].getvalue() == b"ab"
    for answer in under_way:
        answer.close()
        answer.close()
    again = [download(iter([b"a"]), "text/plain", "x.txt") for _ in range(downloads.MOST)]
    for answer in again:
        answer.close()
