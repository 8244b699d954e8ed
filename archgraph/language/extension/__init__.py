"""A spec or a block that extends another one: changes of its document, before anything is elaborated."""
