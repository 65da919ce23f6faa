"""One call to any chat API: providers, clients, retries and causes of failure.

It knows nothing of questions, judges or files under data/.
"""
