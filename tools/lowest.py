"The lowest versions that settings.ini allows, as constraints for pip: `python tools/lowest.py > lowest.txt`."
import configparser
import re
from pathlib import Path

settings = configparser.ConfigParser(delimiters=["="])
settings.read(Path(__file__).parent.parent / "settings.ini", encoding="utf-8")
for requirement in settings["DEFAULT"]["requirements"].split():
    print(re.sub(r">=([\d.]+).*", r"==\1", requirement))
