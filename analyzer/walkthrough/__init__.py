"""One connection told from the wire, stage by stage and byte by byte.

The modules in the order of the story: `gather` reads the records of one connection and `segments` its packets,
`checks` compares them with the rules, stage by stage. `tcp`, `opening`, `data` and `closing` tell one stage each,
`ending` sums up, and `story` puts them together as a `document`, which `text`, `markdown` and `html` write.
"""
