"""Patterns of closings: the words around "ship" and "skip", by what they make of the two.

They read a sentence in small letters, with single blanks and straight apostrophes.
"""

from __future__ import annotations

import re

# Adjectives and articles before the noun: "a clear skip", "my first ship".
_DET = (
    r"(?:(?:an?|the|my|its|any|our|another|one|this|that|its) )?"
    r"(?:(?:very|clear|narrow|cautious|firm|plain|full|confident|reluctant|qualified|simple|flat"
    r"|outright|strong|real|soft|tentative|thin|honest|grudging|modest|bare|solid|\w+ly) ){0,2}"
)
_BLUNT = r"(?:easy|clear|firm|confident|obvious|unqualified|strong|full|enthusiastic|plain)"
SELF = r"(?:^|[ ,(])(?:i|we)"
_ADVERBS = (
    r"(?: (?:still|also|now|too|myself|ourselves|therefore|for one|rather|then|just|not|never|do"
    r"|\w+ly),?)*"
)
_WILL = r"(?:'d|'ll| would| will| can| do| must| should| have to| choose to)?"
_CHANGE = (
    r"(?:turn|flip|mov|chang|convert|shift|swing|tip|push|bring|brought|send|sent|nudg|sway"
    r"|persuad|convinc|win|won|upgrad|promot|tak|got?|get|switch|revers|lift|start|revis|argu"
    r"|pull|talk|carr|downgrad|drop|drag)(?:e|es|ed|s|ped|ping|ing|ning|y|ies)?"
)

MENTION = re.compile(
    r"(?<![\w'-])(?P<word>ship|skip)(?P<form>s|ping|ped)?(?![\w-])"
    r"(?! (?:or|versus"
    r"|vs) (?:an? )?s[hk]ip)"
)
PAIR = re.compile(r"(?:an? )?\b(?:ship|skip)(?: or | and |/)(?:an? )?(?:ship|skip)\b\??")
# Where another statement begins: "..., but today it is a ship".
PART = re.compile(
    r"[;:—–.!?, ](?:(?<=[;:—–])|(?<=[.!?])(?= |$)|(?<= )- "  # begins with what is found quickly
    r"|(?:(?<=,) |(?<= ))(?=[abehst])(?=(?:but|hence|therefore|thus|because|even so"
    r"|and so|and even so)\b"
    r"|so (?:it|this|that|i|we|a|the|here|for|in|on|ship|skip)\b)"
    r"|(?<=,) (?=(?:yet|so|since|whereas|while|although|though|still|which|until then|as it|today"
    r"|for now|and (?:i|it|this|that|today|for now|on|in|without|as)\b)\b))"
)
# The rest of a statement in which the word means something else: "ship with weights".
ELSE = re.compile(
    r" (?:date|step|log|logs|list|button|rate|weights|code|features?|under|in a|in an|in the|to"
    r"|with(?! (?:respect|reservations|regret|some|caution|confidence|care|no|great|little))"
    r"|it with|it in|it to|an?(?! (?:tool|product|maker|program|page))|the|their|its|your"
    r"|every|more|faster|what|over|ahead|past|that)\b"
    r"(?! (?:strength|evidence|whole))"
)
ENDS = re.compile(  # what may follow the verdict
    r"(?=$|[.,;:!?)\"'—–])"
    r"| (?:it|this|that one|this one)(?! (?:with|in|to)\b)"
    r"| (?:because|for|from|of|on|until|unless|today|now|as|when|since|only|at|if|even|despite|by"
    r"|with|without|here|and|too|again|after|rather|either|under protest|in my|than|or|whatever"
    r"|however|where|which|whose|them|both|an? (?:tool|product|maker|program|page)|then|though"
    r"|is|was|has|would|could|will|must|needs?|needed|requires?|wants?|takes|waits"
    r"|depends|hangs|asks"
    r"|calls|demands|lacks?|fails?|falls?|collapses?|stands|holds|survives|rests|dies|ends"
    r"|earned|worth|given|based|verdict|vote|side|call|column|pile|bar|are|\w+ly)\b"
)
BEFORE_NOUN = re.compile(
    r"(?:^|[ ,(])(?:an?|the|my|its|any|no|our|another|one|clear|narrow|cautious|firm"
    r"|plain|is|be|stays?"
    r"|remains?|still|means?|spells?|says?|say|call|lean|vote|at|on|with|for|towards?"
    r"|into|of|as|than"
    r"|against|verdict|therefore|hence|so|thus|becomes?|equals?|not|then|from|nor|it"
    r"|neither|either|instead|\w+ly|[a-z]+er"
    r"|(?:an?|the|my) (?!(?:word|term|verb|noun|name|cargo|first) )\w+) $"
)
BEFORE_VERB = re.compile(
    rf"(?:^(?:until|unless|without|with|as|on|for|since|because|given|if|at|after)\b[^,]*, "
    rf"|^(?:so|hence|thus|and|but|therefore|still|verdict|today|then|until then|for now|overall"
    rf"|in the end|on balance|here|as it stands|and so|even so|\w+ly)?,? ?"
    rf"|{SELF}{_WILL}{_ADVERBS},? |(?:^|, )(?:so|hence|and|but|thus) "
    rf"|\b(?:reasons? (?:\w+ )?to|enough (?:\w+ ){{0,2}}to|too little (?:\w+ ){{0,2}}to"
    rf"|(?:wrong|unfair|foolish|rash|mistake|shame|pity|harsh|right|fair|reason not|hard not"
    rf"|prefer|inclined|lean|bound|forced|ready|happy|content|obliged|cannot|choose|decide|have"
    rf"|verdict is|choice is|answer is|advice is) to"
    rf"|(?:me|us|it|this|view|mind|verdict|vote|hand|note|\w+ly|over|round|back) (?:round )?to"
    rf"|makes? (?:me|us)|cannot|can't|won't|wouldn't|don't) )$"
)
BEFORE_GERUND = re.compile(
    r"(?:^|\b(?:for|from|towards?|against|of|worth|am|i'm|we're|are|keep|favou?rs?|at|without) )$"
)
IT_SHIPS = re.compile(
    r"(?:^|[ ,(])(?:it|this|that|which|so|and|tool|hence)(?: (?:therefore|just|narrowly"
    r"|still))? $"
)

AWAY = re.compile(  # what turns the word that follows into the other one
    rf"(?:short of|shy of|far from|away from|out of|instead of|rather than|than|against|no longer"
    rf"|hardly|scarcely|barely|neither|nor|almost|nearly|close to|less than|below|under|beneath"
    rf"|(?:keep|keeps|kept|keeping|stops?|stopped|holds?|held|prevents?|blocks?|bars?|saves?|stop"
    rf"|rescues?|separates?|divides?) (?:\w+ ){{0,3}}?(?:back )?from"
    rf"|(?:stands?|stood|comes) between (?:\w+ ){{1,3}}?and|in the way of"
    rf"|(?:fails?|failing|failed|unable|refuses?|declines?) to (?:\w+ ){{0,4}}?"
    rf"|(?:miss(?:es|ed)?|den(?:y|ies|ied)|withholds?|rules? out|costs?|loses?|lost|forfeits?"
    rf"|lacks?|escapes?|avoids?|spares?|refuses?|precludes?|forbids?|prevents?|rejects?|blocks?"
    rf"|falls? below)(?: (?:it|this|me|us|the tool))?"
    rf"|(?:too little|not enough|insufficient|too thin|too weak|too vague"
    rf"|inadequate) (?:\w+ ){{0,3}}?"
    rf"(?:for|to)(?: \w+){{0,3}}?"
    rf"|(?:wrong|unfair|foolish|rash|harsh|a mistake|a shame|a pity|hard) to(?: \w+){{0,3}}?"
    rf"|(?:no|little|few|hardly any|not enough) (?:\w+ )?"
    rf"(?:reasons?|case|argument|grounds?|need|excuse|basis|cause|point|room|support)"
    rf"(?: \w+){{0,2}}? (?:to|for|in)(?: \w+){{0,2}}?"
    rf"|no(?: \w+)?"
    rf"|(?:no|see no|cannot see an?y?|can't see an?y?|without an?) (?:\w+ )?(?:path|way"
    rf"|route|road)"
    rf" to|(?:nothing|nobody|none|little)(?: \w+){{1,8}}?"
    rf") {_DET}$"
)
NOT = re.compile(
    rf"(?:\b(?:not|never|cannot|hardly|nor)|n't) "
    rf"(?:(?!(?:is|are|was|means|makes|leaves|forces|earns|gives|remains|stays|only|but|just)\b)"
    rf"\w+ ){{0,5}}{_DET}$"
)
UNSURE = re.compile(rf"(?:\bnot|n't) (?:\w+ ){{0,3}}?(?:an? |the )?{_BLUNT} $")
# "a ship needs a price", "a ship would be generous"
NEEDS = re.compile(
    r"^,? (?:verdict |it |this )?(?:would|could|might|needs?(?! no)|requires?|wants?|takes"
    r"|waits|depends|hangs|must|has to|calls for|demands|asks for|lacks?"
    r"|is (?:possible|within reach|still open|out of reach|one \w+ away|some way off"
    r"|a \w+ away))\b"
)
TOO_MUCH = re.compile(
    r"^ (?:would|could) be (?:unfair|harsh|wrong|rash|generous|premature|careless|reckless|hasty"
    r"|unjust|a mistake|an error|a gift|too \w+|hard to (?:defend|justify))\b"
)
WRONG_TO = re.compile(
    r"\b(?:is|be|seems?|it's) (?:wrong|unfair|foolish|rash|harsh|petty|unjust|a mistake"
    r"|a shame|a pity"
    r"|an error) to (?:\w+ ){0,3}$"
)
CASE = re.compile(r"\b(?:case|argument|grounds?|basis) (?:\w+ )?for (?:an? |the |my )?$")
CASE_FAILS = re.compile(
    r"^ (?:\w+ )?(?:fails?|falls?|fell|collapses?|breaks?|ends?|stops?|dissolves?"
    r"|weakens?|crumbles?"
    r"|dies|rests on (?:nothing|hope|faith)|is (?:not|thin|weak|missing|unmade|absent"
    r"|gone|lost|over)"
    r"|has not|was never|is never|never)\b"
)
CASE_HOLDS = re.compile(
    r"^ (?:\w+ )?(?:stands|holds|survives|wins|is (?:made|strong|plain|clear|complete"
    r"|good|better)"
    r"|has been made|outweighs)\b"
)
REASONS = re.compile(r"\breasons? (?:\w+ )?(?:to|for) (?:an? )?$")
MY_REASON = re.compile(
    r"\b(?:every|good|enough|ample|strong|plenty of|the|my|its|one|that|two|three|no|little|few"
    r"|hardly any|sufficient|\w+'s) (?:\w+ )?reasons? (?:\w+ )?(?:to|for) (?:an? )?$"
)
FEW = re.compile(r"^(?: it)? (?:are|is) (?:hard|few|absent|missing|thin|none|scarce)\b")
WANTS = re.compile(
    r"\b(?:needs?|needed|needing|wants?|wanted|requires?|required|missing|takes|took"
    r"|waits?|waiting"
    r"|asks?|would like|looking|search|price of|prerequisites?|conditions?|key|path|road"
    r"|way|route"
    r"|step|steps|halfway|half way)\b"
    r"(?:(?!forces|means|makes|leaves|is |are )[^,]){0,60}?\b(?:for|to|before|into"
    r"|towards?|from|of|on)"
    rf"(?: \w++){{0,3}} ?{_DET}$"
)
FOR_IT = re.compile(r"^(?:and |but |or )?(?:to \w+|for|before)\b[^,]{0,40}$")
NEEDED = re.compile(
    r"\b(?:would|needs?|need|wants?|want|requires?|require|must|has to|lacks?|ask)\b"
)
TEMPTED = re.compile(
    r"\b(?:tempted|want(?:s|ed)?|hoped?|like[ds]?|love[ds]?|wish(?:es|ed)?|close|tried|able|free"
    r"|willing|easy|others?|some|many|people|teams?|reader|readers|buyers?|optimist|enthusiast"
    r"|colleagues?|reviewers?|vendors?|marketing|crowd)\b[^,]{0,30}$"
)

INSIDE = re.compile(
    r"(?<!\beven )\b(?:if|whether|unless|until|before|when|whenever|once|suppose|supposing|should"
    r"|assuming|in case|where|wherever)\b(?! (?:not|only|anything)\b) [^,]*$"
)
CONDITION = re.compile(
    r"(?<!\beven )\b(?:if(?! (?:only|not|\w+ly|pressed|forced|asked|anything|i (?:must"
    r"|had to|were to)"
    r"|nothing else)\b)|suppose|supposing|provided|assuming|in case"
    r"|were (?:it|the|this|that|its|there|a|an|one|they)|had (?:it|the|this|that|its"
    r"|there|a|they)"
    r"|should (?:a|an|the|it|its|any|one|that|this)|but for|otherwise|else|as it (?:could"
    r"|might) be"
    r"|the (?:day|moment) (?:an?|the|it|its))\b"
    r"|^(?:and |but )?(?:with|given|add|after|under) (?:an?|one|any|another|more|better"
    r"|even|just an?"
    r"|only an?|two|three|some|such an?|proof|evidence)\b"
    r"|^(?:and |but )?(?:show|give|add|print|publish|name|post|open|release|put|drop|remove|fix"
    r"|state|bring|cut|offer|let|document|tell|list|hand|attach|replace|strip|change|quote|write"
    r"|prove|once|when|as soon as|the day|the moment|one|an?) [^;:]*? and (?:i|we|it|this|that)\b"
)
MAYBE = re.compile(r"^(?:and |but )?(?:with|given|at|after|under|once|when|as soon as|in) [^;:]*,")
IF_AFTER = re.compile(
    r"(?<!\beven)(?<!\bonly) (?:if(?! (?:only|not|\w+ly|pressed|forced|asked|anything"
    r"|a \w+ one|at all"
    r"|ever|one)\b)|provided|assuming|once|when|as soon as|the (?:day|moment)|in case)\b"
)
MODAL = re.compile(r"\b(?:would|could|might|may)\b|(?<=\w)'d\b|\bwill\b|\bcan\b")
SOFT = re.compile(r"\b(?:would|could|might|may)\b|(?<=\w)'d\b")
FINITE = re.compile(
    r"\b(?:is|are|makes|means|earns|leaves|forces|gives|remains|stays|becomes|settles|i"
    r"|this|it|that"
    r"|which|keeps|decides)\b"
)
MEANS = re.compile(
    r"(?<!what )(?<!that )(?<!which )\b(?:means|leaves|forces|earns|makes|remains)\b"
)
POLITE = re.compile(
    rf"{SELF}(?:'d|'ll| would| will| can| could| might){_ADVERBS}"
    r"(?: (?:call|mark|rate|file|score|judge|vote|say|give|stand|stay|land|come|lean"
    r"|settle|record"
    r"|book|stamp|put|make|remain|stick|hold|argue|class|count|treat|enter"
    r"|sign)\b(?: [\w']++){0,6}?)?"
    rf" ?{_DET}$"
)
IT_WOULD_BE = re.compile(
    rf"^(?:(?:for me|to me|so|today|as it stands|still|and|but|hence|here|now|in my book"
    rf"|on \w+ \w+"
    rf"|on that),? )*(?:this|that|it)(?:'d| would)(?: still| therefore| just)? be {_DET}$"
)
COUNTERFACTUAL = re.compile(
    r"(?:would|could|might|'d|should)(?: \w+ly| easily| well)? have\b[^,]*$"
)
CHANGES = re.compile(
    rf"\b(?P<inf>to )?(?P<verb>{_CHANGE})\b"
    rf"(?P<what>(?: (?!(?:forces|means|makes|leaves|is|are)\b)[\w']+){{0,7}}?)"
    rf" (?:in|on)?to(?:wards?)?(?: \w+ing)? ?(?:it )?{_DET}$"
)
INDEFINITE = re.compile(
    r"^(?:and |but |yet |only )?(?:an?|one|any|another|some|more|two|whatever)\b"
)
STRONGER = re.compile(r"(?:firm|clear|strong|eas|bett|sur|saf|warm|bold|quick|wid|narrow)i?er $")
TO_OTHER = re.compile(r"^ (?:in)?to(?:wards?)? (?:an? |my )?s[hk]ip\b")
CONCLUDES = re.compile(
    r"^(?:,? ?(?:and|but) )?(?:so|hence|thus|therefore|in the end|on balance|overall"
    r"|verdict|that makes"
    r"|which makes|finally|in sum|all told|net|today|i)\b"
)
BARE = re.compile(r"(?:so |hence )?(?:an? |\w+ly )?s[hk]ip(?: it)?(?: for now| for me)?\.?")

OTHER_VERBS = re.compile(
    rf"{SELF}{_WILL}(?P<no>(?:(?: not|n't| never| hardly)(?: \w+)?)?){_ADVERBS} "
    r"(?:(?P<skip>pass(?! (?:the|a|an|my|over|judgement)\b)|decline\b|walk away|walk on"
    r"|turn (?:it|this)"
    r" down|say no|stay away|leave (?:it|this)(?: \w+)? (?:alone|be|here|there|where it is)"
    r"|budget nothing|look elsewhere|move on|give it a miss)"
    r"|(?P<ship>sign\b(?! up)|buy (?:it|this|one)|adopt|take it\b|install (?:it|this)"
    r"|put (?:it|this)"
    r" in|recommend|pay (?:for )?(?:it|this)|back (?:it|this)|bet on|approve|build on"
    r"|depend on|rely on"
    r"|budget for|hand over|fund|use (?:it|this)|run (?:it|this)|say yes|spend))"
)
WALKED = re.compile(
    r"(?<!not )\b(?:walk(?:ing)? away|not worth (?:an|the|my) \w+|leave it (?:alone|be)\b"
    r"|(?:is|makes (?:it|this)) a pass\b)"
)
