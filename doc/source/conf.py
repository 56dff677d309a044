# SPDX-License-Identifier: Apache-2.0

project = 'Pratai'
copyright = '2026, Pratai developers'
author = 'Pratai developers'

extensions = [
    'cliff.sphinxext',
    'openstackdocstheme',
    'oslo_config.sphinxconfiggen',
    'oslo_config.sphinxext',
    'oslo_policy.sphinxext',
    'oslo_policy.sphinxpolicygen',
    'sphinx.ext.autodoc',
]

# Of the samples that the configuration reference shows and offers.
config_generator_config_file = (
    '../../etc/pratai/pratai-config-generator.conf')
sample_config_basename = '_static/pratai'
policy_generator_config_file = (
    '../../etc/pratai/pratai-policy-generator.conf')
sample_policy_basename = '_static/pratai'

openstackdocs_repo_name = 'openstack/pratai'
openstackdocs_auto_name = False
openstackdocs_auto_version = False
version = release = ''

html_theme = 'openstackdocs'
html_static_path = ['_static']
pygments_style = 'native'
