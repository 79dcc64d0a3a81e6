"""Pages for people: templates, one stylesheet, scripts, and what makes one file of them.

A page is a single HTML file that asks nothing of any network: :func:`building.build_page` puts
the stylesheet, the scripts and the data of a template into it. ``templates/`` has the texts,
``scripts/`` one module a view, ``style.css`` the look of them all. Nothing here knows of models.
"""
