"""Mutation testing: which changes of the code would the tests not notice?"""
