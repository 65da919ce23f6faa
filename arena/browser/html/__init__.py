"""The HTML, style sheet and scripts of the page.

It reads no files and knows nothing of Gradio.
"""
