"""Takes in English on descriptions in other languages: what is stated there is no finding."""

from __future__ import annotations

import pytest

from tests.support.check_subjects import a_tool, found, said

CHECKS = ("number-outside-source", "price-outside-source", "date-outside-source")
DESCRIPTIONS = {
    "French": (
        "Plumeau lit les factures en 58 langues, à 1 000 "
        "mots par seconde, et rend un fichier CSV. "
        "Sur 1 200 pages annotées, 94,1 % des cellules étaient exactes. L'abonnement coûte 0,40 € "
        "pour mille pages ou 18 € par mois, sans engagement "
        "de douze mois. Les fichiers sont effacés "
        "après 30 jours ; il faut 5 Go de mémoire. L'entreprise est à Genève depuis mars 2021."
    ),
    "German": (
        "Federkiel liest Rechnungen in 58 Sprachen, mit "
        "1.000 Wörtern pro Sekunde, und schreibt eine "
        "CSV-Datei. Auf 1.200 geprüften Seiten waren 94,1 % der Zellen richtig. Der Preis beträgt "
        "0,40 € je tausend Seiten oder 18 Euro im Monat, "
        "ohne Bindung an 12 Monate. Dateien werden "
        "nach 30 Tagen gelöscht; nötig sind 5 GB Speicher. Die Firma sitzt seit März 2021 in Köln."
    ),
    "Spanish": (
        "Plumero lee facturas en 58 idiomas, a 1.000 "
        "palabras por segundo, y escribe un archivo CSV. "
        "En 1.200 páginas anotadas, el 94,1 % de las celdas "
        "eran exactas. Cuesta 0,40 € por cada mil "
        "páginas o 18 € al mes, sin contrato de 12 meses. Los archivos se borran a los 30 días; "
        "necesita 5 GB de memoria. La empresa está en Sevilla desde marzo de 2021."
    ),
    "Japanese": (
        "筆箱は58言語の請求書を毎秒1,000語の速さで読み"
        "取り、CSVで書き出します。1,200ページの検証では"
        "94.1％のセルが正確でした。料金は千ページあたり0"
        ".40ユーロ、または月額18ユーロで、12か月の契約は"
        "ありません。ファイルは30日後に削除され、5GBの"
        "メモリが必要です。2021年3月から東京にあります。"
    ),
    "Chinese": (
        "笔盒可读取58种语言的发票，每秒一千字，并输出CSV"
        "文件。在1200页测试中，94.1%的单元格完全正确。"
        "价格为每千页0.40欧元，或每月18欧元，没有12个月的合同。文件在三十天后删除，需要5GB内存。"
        "公司自2021年3月起设在上海。"
    ),
    "Korean": (
        "필통은 58개 언어의 청구서를 초당 1,000단어로 읽고 "
        "CSV로 저장합니다. 1,200쪽 시험에서 셀의 "
        "94.1%가 정확했습니다. 가격은 천 쪽당 0.40유로 또는 월 "
        "18유로이며 12개월 약정은 없습니다. 파일은 "
        "30일 후 삭제되고 5GB 메모리가 필요합니다. 회사는 2021년 3월부터 서울에 있습니다."
    ),
    "Arabic": (
        "يقرأ ريشة الفواتير بـ ٥٨ لغة وبسرعة ١٬٠٠٠ كلمة في "
        "الثانية ويكتب ملف CSV. في اختبار على ١٬٢٠٠ "
        "صفحة كانت ٩٤٫١٪ من الخلايا صحيحة. السعر ٠٫٤٠ يورو "
        "لكل ألف صفحة أو ١٨ يورو شهريا دون عقد لمدة "
        "١٢ شهرا. تحذف الملفات بعد ٣٠ يومًا ويحتاج إلى 5 "
        "جيجابايت من الذاكرة. الشركة في القاهرة منذ "
        "مارس ٢٠٢١."
    ),
}
TAKES = (
    "It reads invoices in 58 languages at 1,000 words a second and writes a CSV file.",
    "Fifty-eight languages and a thousand words per second are stated.",
    "On 1,200 pages 94.1% of the cells were exact.",
    "It costs €0.40 per 1k pages, or 18 euros a month; forty cents a thousand is cheap.",
    "Files go after thirty days, it needs 5 GB, and there is no contract of a year.",
    "The firm has been there since March 2021.",
    "Ten million pages would cost €4,000, and a year of the flat price is €216.",
)
PLANTED = (
    "It reads invoices in 68 languages.",
    "It reads 10,000 words a second.",
    "On 1,200 pages 84.1% of the cells were exact.",
    "It costs €0.60 per 1k pages.",
    "It costs 28 euros a month.",
    "It costs $18 a month.",
    "Files go after ninety days.",
    "It needs 15 GB.",
    "The firm has been there since 2017.",
    "Ten million pages would cost €5,000.",
)


def worst(text: str, language: str) -> set[str]:
    tool = a_tool("Feather", DESCRIPTIONS[language], tagline="CSV")
    return {severity for check in CHECKS for severity, _ in said(found(text, check, tool))}


@pytest.mark.parametrize("language", DESCRIPTIONS)
@pytest.mark.parametrize("text", TAKES)
def test_figures_that_a_description_in_another_language_states_are_known(
    text: str, language: str
) -> None:
    assert "warning" not in worst(text, language)


@pytest.mark.parametrize("language", DESCRIPTIONS)
def test_figures_planted_beside_it_are_found(language: str) -> None:
    missed = [text for text in PLANTED if "warning" not in worst(text, language)]
    assert len(missed) <= 1, missed


def names(text: str, description: str) -> list[tuple[str, str]]:
    return said(found(text, "name-outside-source", a_tool("Feather", description, tagline="CSV")))


@pytest.mark.parametrize("language", ["Japanese", "Chinese", "Korean", "Arabic"])
def test_a_name_that_a_source_in_another_script_cannot_hold_is_a_note(language: str) -> None:
    for name in ("Tokyo", "Shanghai", "Seoul", "Cairo", "Hanako"):
        text = f"The firm is run by or from {name} itself."
        assert names(text, DESCRIPTIONS[language]) == [("note", name)]


def test_a_place_has_another_name_in_another_language() -> None:
    assert names("The firm is in Cologne.", DESCRIPTIONS["German"]) == [("note", "Cologne")]
    assert names("The firm is in Geneva.", DESCRIPTIONS["French"]) == [("note", "Geneva")]
    assert names("It beats Tabula.", DESCRIPTIONS["French"]) == [("warning", "Tabula")]
    assert names("It beats Tabula.", "It reads lines.") == [("warning", "Tabula")]


@pytest.mark.parametrize("name", ["Zürich", "Zurich", "Zuerich"])
@pytest.mark.parametrize("known", ["Zürich", "Zurich"])
def test_accents_make_no_other_name(name: str, known: str) -> None:
    if (name, known) != ("Zuerich", "Zurich"):
        assert names(f"The firm in {name} sells it.", f"It comes from {known} and reads.") == []


def test_a_latin_name_within_another_script_is_known() -> None:
    description = "本ツールはPostgreSQLのデータをParquetに書き出します。" * 3
    assert names("It moves PostgreSQL data to Parquet.", description) == []
