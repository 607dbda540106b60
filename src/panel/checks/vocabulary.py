"""Word lists: capitals that name no product, formats, well-known names, sentence starters."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Capitals that name no product: trade abbreviations, months, days, nationalities, languages.
PLAIN = _words(
    "i ai api apis sdk sdks cli gui ui ux dx ide ides it hr ceo cto cfo cio ciso vp ml llm llms "
    "gpu gpus cpu cpus ram ssd vram saas b2b b2c sla slas faq readme url urls http https os pr "
    "prs roi moe nlp ocr ok eu us uk usa rag mvp poc crud dns ip vpn ci cd devops qa kpi kpis "
    "crm erp vat etc rfp mcp tts asr fim january february march april may june july august "
    "ph.d p.s a.m p.m e.g i.e mr mrs ms dr jr sr "
    "september october november december monday tuesday wednesday thursday friday saturday "
    "sunday christmas q1 q2 q3 q4 english german french spanish italian polish chinese japanese "
    "arabic hindi portuguese russian european american british asian african europe america "
    "asia africa internet web latin ship skip builder skeptic futurist analyst"
)
# Formats, protocols and rules: worth only a note when the source does not name them.
FORMATS = _words(
    "json csv tsv xml yaml sql pdf html css rest graphql grpc sso saml oauth oidc scim rbac "
    "webhook websocket ssml sarif parquet markdown lsp onnx gguf docx xlsx zip tls ssl ssh git "
    "regex unicode utf-8 posix cuda wasm png jpeg svg mp3 wav rss atom smtp imap ftp soap cron "
    "vtt srt linux unix flac pcm opus ogg aac midi exif ris bibtex latex epub webp tiff avro orc "
    "arrow protobuf toml mqtt amqp udp tcp usb jwt openapi"
)
# Well-known names that are common words as well.
AMBIGUOUS = _words(
    "teams windows slack notion linear modal granola whisper renovate apple amazon rust java "
    "oracle meta zoom cursor sentry otter swift ruby intercom chroma looker copilot grok stripe"
)
# Names that are recognised as such even at the start of a sentence.
WELL_KNOWN = _words(
    "openai anthropic google microsoft meta amazon aws azure apple nvidia mistral cohere "
    "deepseek qwen llama gemma gemini claude chatgpt gpt copilot github gitlab bitbucket cursor "
    "windsurf codeium tabnine docker kubernetes podman firecracker modal vercel netlify "
    "cloudflare heroku replit supabase firebase stripe salesforce hubspot zendesk intercom "
    "slack notion linear jira atlassian asana trello zapier snowflake databricks bigquery "
    "redshift postgresql mysql sqlite duckdb mongodb redis elasticsearch pinecone weaviate "
    "qdrant milvus chroma langchain llamaindex ollama vllm huggingface perplexity grok whisper "
    "elevenlabs deepgram assemblyai otter descript granola zoom teams figma canva adobe "
    "midjourney tableau looker metabase airtable grafana datadog sentry splunk pagerduty "
    "terraform ansible jenkins dependabot renovate snyk semgrep sonarqube coderabbit tabula "
    "camelot textract xero quickbooks sap oracle ibm intel amd samsung sony tesla twitter "
    "facebook instagram linkedin reddit youtube wikipedia python javascript typescript rust "
    "java kotlin swift ruby scala haskell windows macos android ios hipaa gdpr fedramp"
)
STARTERS = _words(
    "the a an this that these those it its they their we our you your he she his her i my one two "
    "both each every some any all most many few none no nothing nobody everyone everything "
    "somebody there here what which who whose when where why how if unless until while because "
    "since as so but and or yet nor for from to of in on at by with without within under over "
    "after before between beyond through not even only still also then thus hence however "
    "although though whether whoever whatever once ship skip ships skips others another such same "
    "today tomorrow version release unlike despite against among besides during towards toward "
    "across along around about near nearly roughly almost perhaps maybe via per upon amid given "
    "like including excluding except beside instead rather either neither just too far yes well "
    "first second third last next finally meanwhile indeed again together apart three four five "
    "six seven eight nine ten dozens hundreds thousands half twice say says take takes give fetch "
    "get put run read ask pay buy try call look see think suppose imagine picture watch mind "
    "note add point start stop make let keep leave bring send show tell find expect grant "
    "assume people "
    "users teams buyers vendors makers engineers developers readers refunds support price prices "
    "cost costs money data code software hardware documentation speed trust evidence copy revenue "
    "growth compliance work time noise size scale output input access text proof credit open "
    "closed free good better best worse worst new old big small long short hard easy plain"
)
