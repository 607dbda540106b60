"""What people call the fields of a tool in their tables, in six languages."""

from __future__ import annotations

# English, German, French, Spanish, Italian, Japanese. Words that could as well mean another field
# ("date", "Datum", "link text") are left out: what is not sure is asked for.
SYNONYMS: dict[str, str] = {
    "name": """
        name, tool, tool name, product, product name, title, app, application, software
        name des tools, werkzeug, produkt, produktname, titel, anwendung, bezeichnung
        nom, nom du produit, nom de l'outil, outil, produit, titre, logiciel
        nombre, nombre del producto, herramienta, producto, título
        nome, nome del prodotto, strumento, prodotto, titolo
        名前, 名称, 製品, 製品名, 商品名, ツール, ツール名, サービス名""",
    "tagline": """
        tagline, tag line, slogan, subtitle, short description, summary, one-liner, pitch, claim
        untertitel, kurzbeschreibung, kurztext, zusammenfassung, motto
        accroche, sous-titre, description courte, résumé, slogan commercial
        eslogan, lema, subtítulo, descripción corta, descripción breve, resumen
        sottotitolo, descrizione breve, riassunto, sintesi
        キャッチフレーズ, キャッチコピー, 概要, 要約, 一言""",
    "category": """
        category, type, kind, group, section, topic
        kategorie, rubrik, gruppe, bereich, art
        catégorie, rubrique, groupe, genre
        categoría, tipo, grupo, sección
        categoria, sezione, gruppo
        カテゴリー, カテゴリ, 分類, 種類, 区分""",
    "description": """
        description, long description, full description, details, text, about, body
        beschreibung, langbeschreibung, produktbeschreibung, beschreibungstext
        description complète, description longue, descriptif, texte, détails
        descripción, descripción larga, descripción completa, texto, detalles
        descrizione, descrizione completa, testo, dettagli
        説明, 詳細, 説明文, 製品説明, 内容""",
    "pricing.entry": """
        price, pricing, entry price, starting price, cost, costs, from price
        preis, preise, einstiegspreis, kosten, preis ab, ab preis
        prix, tarif, tarifs, coût, prix de départ, prix d'entrée
        precio, precios, coste, costo, tarifa, precio inicial
        prezzo, prezzi, costo di ingresso, tariffa, prezzo base
        価格, 値段, 料金, 費用, 最低価格""",
    "pricing.verified": """
        price checked, price checked on, price verified, verified, verified on, checked, checked on
        geprüft, geprüft am, preis geprüft, preis geprüft am, stand des preises, preisstand
        vérifié, vérifié le, prix vérifié, prix vérifié le
        verificado, verificado el, precio verificado, comprobado, comprobado el
        verificato, verificato il, prezzo verificato, controllato il
        確認日, 価格確認日, 料金確認日""",
    "url": """
        url, website, web site, homepage, link, web address, address, site
        webseite, webadresse, internetadresse, internetseite
        site web, site internet, adresse web, page web, lien
        sitio web, página web, dirección web, enlace
        sito, sito web, indirizzo web, pagina web, collegamento
        ホームページ, 公式サイト, ウェブサイト, サイト, リンク, アドレス""",
    "tags": """
        tags, tag, keywords, labels
        schlagwörter, schlagworte, stichwörter, stichworte, schlüsselwörter, etiketten
        mots-clés, mots clés, étiquettes, balises
        etiquetas, palabras clave
        etichette, parole chiave
        タグ, キーワード""",
    "released": """
        released, released on, release date, launched, launch date, published, published on
        veröffentlicht, veröffentlicht am, erschienen, erschienen am, erscheinungsdatum
        veröffentlichungsdatum, erscheinungstag
        sorti le, date de sortie, publié, publié le, date de publication, paru le
        publicado, publicado el, fecha de publicación, fecha de lanzamiento, lanzamiento
        pubblicato, pubblicato il, data di pubblicazione, data di uscita, uscita
        発売日, 公開日, リリース日""",
    "slug": "slug, file name, dateiname",
    "logo": "logo, logo file, logodatei, fichier du logo, logotipo, ロゴ",
    "image": """
        image, picture, screenshot, bild, bildschirmfoto, capture d'écran, imagen, captura, immagine
        画像, スクリーンショット""",
    "hold": "hold, on hold, held back, zurückgehalten, zurückhalten, en attente, retenido, 保留",
    "publish_after": """
        publish after, embargo, embargo until, not before, sperrfrist, veröffentlichen ab
        publier après, publicar después de, pubblicare dopo, 公開予定日""",
    "facts.Licence": """
        licence, license, licensing, software license, lizenz, lizenzierung, licencia, licenza
        ライセンス, 使用許諾""",
    "facts.Hosting": """
        hosting, hosted, hosting model, deployment, betrieb, betriebsart, bereitstellung
        hébergement, déploiement, alojamiento, despliegue, distribuzione, ホスティング, 提供形態""",
    "facts.Limits": """
        limits, limit, usage limits, quota, quotas, grenzen, limite, limites, límites, limiti
        nutzungsgrenzen, 制限, 上限""",
}
