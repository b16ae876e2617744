"""The foreign objects that carry attempts: one file per kind, both directions, pure.

`manifest(order)` says what to create, `sight(object)` what an object that exists says of its attempt; `carrier` says which
kind it is. What they share: `names` (and annotations, and owners), `pods`, `objects` (reading without trust). `execution`
says what the programs are told, `waiting` why something does not run. Objects are plain data (docs/decisions/0007).
"""
