"""The tabs of the page in Gradio: their fields, and what each of them calls.

It knows no files: what a tab shows comes from the screens.
"""
