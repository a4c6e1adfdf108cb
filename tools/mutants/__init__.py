"""Mutation testing of the rooms that compute: does a test fail when the code is wrong?"""
