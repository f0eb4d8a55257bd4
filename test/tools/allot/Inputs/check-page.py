# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks that a page is HTML and XML, whole in itself, and that every picture has a title and a description. Then prints its text."""

import sys
import xml.etree.ElementTree as etree
from html.parser import HTMLParser

VOID = {"meta", "br", "link", "img", "input", "hr"}
FETCHING = {"link", "img", "iframe", "object", "embed", "image", "use", "base", "form", "a", "video", "audio", "source"}


class Balance(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids, self.text, self.scripts = [], set(), [], 0

    def handle_starttag(self, tag, attributes):
        assert tag not in FETCHING, tag
        for name, value in attributes:
            assert not name.startswith("on") and name not in ("src", "href", "style"), (tag, name)
            if name == "id":
                assert value not in self.ids, value
                self.ids.add(value)
        self.scripts += tag == "script"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script") and data.strip():
            self.text.append(data.strip())


page = open(sys.argv[1], encoding="utf-8").read()
assert page.startswith("<!DOCTYPE html>\n")
balance = Balance()
balance.feed(page)
balance.close()
assert not balance.open and balance.scripts == 1, (balance.open, balance.scripts)
svg, html = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xhtml}"
root = etree.fromstring(page.split("\n", 1)[1])
pictures = list(root.iter(svg + "svg"))
for picture in pictures:
    left, top, width, height = map(float, picture.get("viewBox").split())
    title, description = (picture.find(svg + tag) for tag in ("title", "desc"))
    assert title.text and description.text
    assert picture.get("aria-labelledby").split() == [title.get("id"), description.get("id")]
    for rect in picture.iter(svg + "rect"):
        x, y, w, h = (float(rect.get(key)) for key in ("x", "y", "width", "height"))
        assert x >= 0 and y >= 0 and w > 0 and h > 0 and x + w <= width and y + h <= height, etree.tostring(rect)
for element in root.iter(html + "section"):
    assert element.get("aria-labelledby") in balance.ids
for table in root.iter(html + "table"):
    columns = len(table.find(f"{html}thead/{html}tr"))
    assert table.find(html + "caption").text
    for row in table.find(html + "tbody"):
        assert len(row) == columns and row[0].tag == html + "th"
print(f"{len(pictures)} pictures")
print("\n".join(balance.text))
