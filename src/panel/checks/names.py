"""Proper names that a take brings in from outside: products, companies, places, certificates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from panel.checks.findings import Finding, Severity, Span, Subject, at, overlap
from panel.checks.sentences import Sentences
from panel.checks.source import WORD, Source, bare, words_of

# Capitals that name no product: abbreviations of the trade, months, peoples and tongues.
_PLAIN = frozenset(
    "i ai api apis sdk sdks cli gui ui ux dx ide ides it hr ceo cto cfo cio ciso vp ml llm llms gpu gpus "
    "cpu cpus ram ssd vram saas b2b b2c sla slas faq readme url urls http https os pr prs roi moe nlp ocr "
    "ok eu us uk usa rag mvp poc crud dns ip vpn ci cd devops qa kpi kpis crm erp etc rfp mcp tts asr fim "
    "january february march april may june july august september october november december "
    "monday tuesday wednesday thursday friday saturday sunday christmas q1 q2 q3 q4 "
    "english german french spanish italian polish chinese japanese arabic hindi portuguese russian "
    "european american british asian african europe america asia africa internet web latin "
    "ship skip builder skeptic futurist analyst".split()
)
# Formats, protocols and rules: worth a note when the source does not name them, no more.
_FORMATS = frozenset(
    "json csv tsv xml yaml sql pdf html css rest graphql grpc sso saml oauth oidc scim rbac webhook "
    "websocket ssml sarif parquet markdown lsp onnx gguf docx xlsx zip tls ssl ssh git regex unicode utf-8 "
    "posix cuda wasm png jpeg svg mp3 wav rss atom smtp imap ftp soap cron vtt srt linux unix".split()
)
# Names that are told from other words at the start of a sentence, too.
_WELL_KNOWN = frozenset(
    "openai anthropic google microsoft meta amazon aws azure apple nvidia mistral cohere deepseek qwen "
    "llama gemma gemini claude chatgpt gpt copilot github gitlab bitbucket cursor windsurf codeium tabnine "
    "docker kubernetes podman firecracker modal vercel netlify cloudflare heroku replit supabase firebase "
    "stripe salesforce hubspot zendesk intercom slack notion linear jira atlassian asana trello zapier "
    "snowflake databricks bigquery redshift postgresql mysql sqlite duckdb mongodb redis elasticsearch "
    "pinecone weaviate qdrant milvus chroma langchain llamaindex ollama vllm huggingface perplexity grok "
    "whisper elevenlabs deepgram assemblyai otter descript granola zoom teams figma canva adobe midjourney "
    "tableau looker metabase airtable grafana datadog sentry splunk pagerduty terraform ansible jenkins "
    "dependabot renovate snyk semgrep sonarqube coderabbit tabula camelot textract xero quickbooks sap "
    "oracle ibm intel amd samsung sony tesla twitter facebook instagram linkedin reddit youtube wikipedia "
    "python javascript typescript rust java kotlin swift ruby scala haskell windows macos android ios "
    "hipaa gdpr fedramp".split()
)
_DOTTED = re.compile(r"[A-Za-z]\w*\.(?:js|cpp|ai|io|dev|py|rs|net|com|org|app|sh)", re.I)
_STARTERS = frozenset(
    "the a an this that these those it its they their we our you your he she his her i my one two both "
    "each every some any all most many few none no nothing nobody everyone everything somebody there here "
    "what which who whose when where why how if unless until while because since as so but and or yet nor "
    "for from to of in on at by with without within under over after before between beyond through not "
    "even only still also then thus hence however although though whether whoever whatever once ship skip "
    "ships skips others another such same today tomorrow".split()
)
# After an unknown word with a capital at a sentence's start: what makes it a name.
_NAME_FOLLOWS = re.compile(
    r"\s*\((?:which|also|the|an?|Apache|MIT|\w+-licensed)|,\s+which\b|\s(?:and|or)\s+[A-Z][\w.]+\s+"
    r"(?:are|were|come|do|have|offer|also)\b|,?\s+(?:charges|offers|ships|sells|owns|does so)\b|"
    r"\s+or\s+another\b|\s+(?:has|passed)\b"
)
_JOINED = re.compile(r" v?\d+(?:\.\d+)*[A-Za-z]*(?![\w%])")


@dataclass(frozen=True, slots=True)
class _Token:
    span: Span
    text: str
    unknown: bool
    known_format: bool


def check_names(
    subject: Subject, sentences: Sentences, source: Source, taken: list[Span]
) -> list[Finding]:
    """Find names that the source does not hold; each is reported once a take.

    ``taken`` are spans that other checks speak for.
    """
    text = subject.text
    persona = frozenset(words_of(f"{subject.persona.name} {subject.persona.motto}"))
    persona |= {word for beat in subject.persona.beats for word in words_of(beat.label)}
    tokens = [token for token in _tokens(text, sentences, source, persona) if token.unknown]
    found: list[Finding] = []
    seen: set[str] = set()
    for span, formats in _runs(text, tokens, taken):
        name = bare(text[span[0] : span[1]])
        if name in seen:
            continue
        seen.add(name)
        found.append(_finding(text, span, formats, sentences))
    return found


def _finding(text: str, span: Span, formats: bool, sentences: Sentences) -> Finding:
    severity: Severity = "warning"
    message = "a name that does not stand in the source: verify"
    if sentences.marked(span[0]):
        severity, message = "note", "a name from outside, marked as such"
    elif sentences.said_missing(span):
        severity, message = "note", "a name from outside, named as missing"
    elif formats:
        severity, message = "note", "a format or protocol that does not stand in the source"
    remedy = "Check what is said of it, or remove it, or mark it “outside knowledge, to verify”."
    return at(text, span, "name-outside-source", severity, (message, remedy))


def _tokens(
    text: str, sentences: Sentences, source: Source, persona: frozenset[str]
) -> Iterator[_Token]:
    for match in WORD.finditer(text):
        word = re.sub(r"['’]s?$", "", match[0])
        initial = _initial(text, match.start(), sentences)
        if not _is_name(word, initial, text[match.end() :][:60]):
            continue
        folded_word = word.casefold()
        parts = [part for part in re.split(r"[-/]", word) if any(map(str.isupper, part))] or [word]
        strangers = [part for part in parts if not _known(part.casefold(), source, persona)]
        yield _Token(
            (match.start(), match.start() + len(word)),
            word,
            unknown=bool(strangers) and not _known(folded_word, source, persona),
            known_format=all(_format(part.casefold()) for part in strangers),
        )


def _format(word: str) -> bool:
    return word in _FORMATS or word.rstrip("s") in _FORMATS


def _initial(text: str, position: int, sentences: Sentences) -> bool:
    before = text[:position].rstrip(" ")
    return sentences.begins(position) or before.endswith((":", "“", '"', "‘", "(", "—", "/", "*"))


def _is_name(word: str, initial: bool, after: str) -> bool:
    if _DOTTED.fullmatch(word):
        return True
    first, rest = word[:1], word[1:]
    inner = re.sub(r"-[A-Z]", "-", rest) if initial else rest  # Open-Source
    if any(map(str.isupper, inner)) and not (word.isupper() and len(word) < 2):
        return True
    if not first.isupper():
        return False
    if not initial or any(map(str.isdigit, rest)):
        return True
    if word.casefold() in _STARTERS:
        return False
    if word.casefold() in _WELL_KNOWN:
        return True
    follows = re.match(r"\s+([A-Z][\w.+-]*)", after)
    if follows and follows[1].casefold() not in (*_PLAIN, *_FORMATS):
        return True
    return bool(_NAME_FOLLOWS.match(after))


def _known(word: str, source: Source, persona: frozenset[str]) -> bool:
    word = bare(word)
    if word in source.words or word in _PLAIN or word in persona:
        return True
    stem = word.removesuffix("s")
    if stem in source.words or stem in _PLAIN:
        return True
    # "Mac" where the source says macOS, "Postgres" where it says PostgreSQL
    return len(word) > 2 and any(known.startswith(word) for known in source.words)


def _runs(text: str, tokens: list[_Token], taken: list[Span]) -> Iterator[tuple[Span, bool]]:
    """Join neighbouring names, and the numbers that follow one: "Llama 3.1 405B"."""
    runs: list[tuple[Span, bool]] = []
    for token in tokens:
        if any(overlap(token.span, span) for span in taken):
            continue
        span = _with_numbers(text, token.span)
        if runs and text[runs[-1][0][1] : span[0]] == " ":
            runs[-1] = ((runs[-1][0][0], span[1]), runs[-1][1] and token.known_format)
        else:
            runs.append((span, token.known_format))
    yield from runs


def _with_numbers(text: str, span: Span) -> Span:
    end = span[1]
    while (number := _JOINED.match(text, end)) is not None:
        if re.match(r" (?:19|20)\d\d$", number[0]):
            break
        end = number.end()
    return span[0], end
