"""The rules, one function each, and how their findings combine."""
