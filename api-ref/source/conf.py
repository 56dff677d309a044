# SPDX-License-Identifier: Apache-2.0

project = 'Pratai API'
copyright = '2026, Pratai developers'
author = 'Pratai developers'

extensions = ['openstackdocstheme', 'os_api_ref']

openstackdocs_repo_name = 'openstack/pratai'
openstackdocs_auto_name = False
openstackdocs_auto_version = False
version = release = ''

html_theme = 'openstackdocs'
html_theme_options = {'sidebar_mode': 'toc'}
pygments_style = 'native'
