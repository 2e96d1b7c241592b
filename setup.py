"Package metadata, read from settings.ini; `pip install .` runs this."
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup

parser = ConfigParser(delimiters=["="])
parser.read(Path(__file__).parent / "settings.ini", encoding="utf-8")
cfg = parser["DEFAULT"]
extras = {key.removesuffix("_requirements"): value.split() for key, value in cfg.items() if key.endswith("_requirements")}

setup(
    name=cfg["lib_name"], version=cfg["version"], description=cfg["description"], keywords=cfg["keywords"].split(),
    author=cfg["author"], license="Apache-2.0",
    long_description=(Path(__file__).parent / "README.md").read_text(encoding="utf-8"), long_description_content_type="text/markdown",
    packages=find_packages(include=["ddpm_nb", "ddpm_nb.*"]), package_data={"ddpm_nb": ["py.typed", "film.html"]},
    python_requires=f">={cfg['min_python']}",
    install_requires=cfg["requirements"].split(), extras_require=extras,
    classifiers=["Development Status :: 3 - Alpha", "Intended Audience :: Developers", "Intended Audience :: Education",
                 "Intended Audience :: Science/Research", "Programming Language :: Python :: 3"],
    entry_points={"console_scripts": cfg["console_scripts"].split(), "nbdev": ["ddpm_nb=ddpm_nb._modidx:d"]},
)
