"""The foreign objects that carry attempts: one file per kind, both directions, pure.

`manifest(order)` says what to create, `sight(object)` what an object that exists says of its attempt.
"""
