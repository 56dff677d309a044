# SPDX-License-Identifier: Apache-2.0

project = 'Pratai Release Notes'
copyright = '2026, Pratai developers'

extensions = [
    'openstackdocstheme',
    'reno.sphinxext',
]

openstackdocs_repo_name = 'openstack/pratai'
openstackdocs_auto_name = False
openstackdocs_auto_version = False
version = release = ''

html_theme = 'openstackdocs'
pygments_style = 'native'
