# SPDX-License-Identifier: Apache-2.0
"""Where the zips of tenants are kept."""

import abc


class PackageStore(abc.ABC):
    """Keeps packages under an id; made once a process, used by its threads.

    :param conf: options; the group is ``package_store``.
    """

    def __init__(self, conf):
        self.conf = conf

    @abc.abstractmethod
    def put(self, package_id, data):
        """Keep a package for good: when this returns it survives a crash.

        Blocks. May be repeated: the last one counts.

        :param package_id: 32 hexadecimal digits.
        :param data: bytes.
        :returns: location, str of at most 255 characters, to be kept by the
            caller and brought to the other methods.
        :raises exception.Invalid: that is no id.
        :raises exception.Unavailable: it could not be kept, and nothing of
            it is left.
        """

    @abc.abstractmethod
    def get(self, location):
        """Blocks. May be repeated.

        :returns: bytes.
        :raises exception.NotFound: there is no such package (any more).
        :raises exception.Unavailable: the store does not answer.
        """

    @abc.abstractmethod
    def delete(self, location):
        """Forget a package. Blocks. May be repeated.

        :raises exception.Unavailable: the store does not answer.
        """
