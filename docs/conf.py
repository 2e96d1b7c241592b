"Sphinx settings of the site. `python tools/site.py` calls Sphinx with them; the pages themselves are made there."
from configparser import ConfigParser
from pathlib import Path

settings = ConfigParser(delimiters=["="])
settings.read(Path(__file__).parent.parent / "settings.ini", encoding="utf-8")
settings = settings["DEFAULT"]
project, author, copyright, release = settings["title"], settings["author"], settings["copyright"], settings["version"]

extensions = ["myst_nb", "sphinx_copybutton"]
nb_execution_mode = "off"    # outputs are stored in the notebooks
nb_ipywidgets_js = {}        # a page has no kernel: widgets have a static twin, and no script is fetched for them
nb_render_markdown_format = "myst"
nb_code_prompt_show, nb_code_prompt_hide = "Show the code", "Hide the code"
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 4     # links to headings, as on GitHub
myst_links_external_new_tab = False
suppress_warnings = ["mystnb.mime_priority"]  # objects with a picture alone have no text to show elsewhere

html_theme, html_title, html_favicon = "furo", settings["title"], "static/favicon.png"
html_static_path, templates_path = ["static"], ["templates"]
html_css_files, html_js_files = ["style.css"], ["site.js"]
html_theme_options = {
    "top_of_page_buttons": ["view"],
    "light_css_variables": {"color-brand-primary": "#00588f", "color-brand-content": "#00588f", "color-brand-visited": "#6b3fa0", "color-api-name": "#00588f", "color-api-pre-name": "#00588f"},
    "dark_css_variables": {"color-brand-primary": "#6cb8f0", "color-brand-content": "#6cb8f0", "color-brand-visited": "#c3a5f0", "color-api-name": "#6cb8f0", "color-api-pre-name": "#6cb8f0"},
}
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"
mathjax_path = "mathjax/tex-chtml.js"  # put there by tools/site.py
copybutton_exclude = ".linenos, .gp, .go"


def setup(app):
    "Says of a page in Chinese that it is one."
    app.connect("html-page-context", lambda app, page, template, context, doctree: context.update(language="zh-CN") if page.endswith("_zh") else None)
