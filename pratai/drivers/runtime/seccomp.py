# SPDX-License-Identifier: Apache-2.0
"""The system call filter of sandboxes, as classic BPF for ``bwrap --seccomp``.

A list of what is refused, as Docker's default profile and flatpak have it:
ways to new namespaces and mounts, kernel keyrings (they are not part of any
namespace), other processes' memory, io_uring, BPF, perf, the kernel's log,
and socket families beside Unix, IP and netlink (vsock, for one, knows no
network namespaces). What is refused answers EPERM; clone3 answers ENOSYS, so
that the C library falls back to clone, whose flags a filter can read.
"""

import errno
import os
import struct

# name: (number on x86_64, number where asm-generic/unistd.h holds).
REFUSED = {
    'acct': (163, 89), 'add_key': (248, 217), 'bpf': (321, 280),
    'chroot': (161, 51), 'delete_module': (176, 106),
    'fanotify_init': (300, 262), 'finit_module': (313, 273),
    'fsconfig': (431, 431), 'fsmount': (432, 432), 'fsopen': (430, 430),
    'fspick': (433, 433), 'init_module': (175, 105),
    'io_uring_enter': (426, 426), 'io_uring_register': (427, 427),
    'io_uring_setup': (425, 425), 'ioperm': (173, None), 'iopl': (172, None),
    'kcmp': (312, 272), 'kexec_file_load': (320, 294),
    'kexec_load': (246, 104), 'keyctl': (250, 219),
    'lookup_dcookie': (212, 18), 'migrate_pages': (256, 238),
    'modify_ldt': (154, None), 'mount': (165, 40),
    'mount_setattr': (442, 442), 'move_mount': (429, 429),
    'move_pages': (279, 239), 'name_to_handle_at': (303, 264),
    'open_by_handle_at': (304, 265), 'open_tree': (428, 428),
    'open_tree_attr': (467, 467), 'perf_event_open': (298, 241),
    'pidfd_getfd': (438, 438), 'pivot_root': (155, 41),
    'process_vm_readv': (310, 270), 'process_vm_writev': (311, 271),
    'ptrace': (101, 117), 'quotactl': (179, 60), 'quotactl_fd': (443, 443),
    'reboot': (169, 142), 'request_key': (249, 218),
    'setdomainname': (171, 162), 'sethostname': (170, 161),
    'setns': (308, 268), 'swapoff': (168, 225),
    'swapon': (167, 224), 'syslog': (103, 116), 'umount2': (166, 39),
    'unshare': (272, 97), 'userfaultfd': (323, 282), 'uselib': (134, None),
    'ustat': (136, None), 'vhangup': (153, 58), '_sysctl': (156, None),
}
CLONE, CLONE3, IOCTL, SOCKET, PERSONALITY = (
    (56, 220), (435, 435), (16, 29), (41, 198), (135, 92))
# machine: (AUDIT_ARCH_*, which of the two numbers)
MACHINES = {'x86_64': (0xC000003E, 0), 'aarch64': (0xC00000B7, 1)}

NEW_NAMESPACES = 0x7E020080
FAMILIES = (1, 2, 10, 16)           # unix, inet, inet6, netlink
IOCTLS = (0x5412, 0x541C)           # TIOCSTI, TIOCLINUX: typing for others
PERSONALITIES = (0, 0xFFFFFFFF)     # the ordinary one, and asking

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16


def program(machine=None):
    """:returns: the filter as bytes, or None on an unknown machine."""
    try:
        arch, column = MACHINES[machine or os.uname().machine]
    except KeyError:
        return None
    code = []

    def add(op, value, yes=0, no=0):
        code.append(struct.pack('=HBBI', op, yes, no, value))

    def refuse(error=errno.EPERM):
        add(_RETURN, _ERRNO | error)

    def only(call, argument, values, error):
        """One system call whose argument has to be one of values."""
        add(_EQUAL, call[column], 0, len(values) + 3)
        add(_LOAD, _ARGUMENTS + 8 * argument)
        for left, value in zip(range(len(values), 0, -1), values):
            add(_EQUAL, value, left, 0)
        refuse(error)
        add(_RETURN, _ALLOW)

    add(_LOAD, _ARCH)
    add(_EQUAL, arch, 1, 0)
    refuse(errno.ENOSYS)                # no 32 bit programs
    add(_LOAD, _NUMBER)
    if column == 0:
        add(_AT_LEAST, 0x40000000, 0, 1)
        refuse(errno.ENOSYS)            # nor x32 ones
    for numbers in REFUSED.values():
        if numbers[column] is not None:
            add(_EQUAL, numbers[column], 0, 1)
            refuse()
    add(_EQUAL, CLONE3[column], 0, 1)
    refuse(errno.ENOSYS)
    only(SOCKET, 0, FAMILIES, errno.EAFNOSUPPORT)
    only(PERSONALITY, 0, PERSONALITIES, errno.EPERM)
    add(_EQUAL, CLONE[column], 0, 4)
    add(_LOAD, _ARGUMENTS)
    add(_ANY_BIT, NEW_NAMESPACES, 0, 1)
    refuse()
    add(_RETURN, _ALLOW)
    add(_EQUAL, IOCTL[column], 0, len(IOCTLS) + 3)
    add(_LOAD, _ARGUMENTS + 8)
    for left, value in zip(range(len(IOCTLS), 0, -1), IOCTLS):
        add(_EQUAL, value, left, 0)
    add(_RETURN, _ALLOW)
    refuse()
    add(_RETURN, _ALLOW)
    return b''.join(code)


def docker_profile():
    """:returns: the same rules as a profile for Docker, a dict."""
    def rule(names, error=errno.EPERM, **argument):
        found = {'names': names, 'action': 'SCMP_ACT_ERRNO',
                 'errnoRet': error}
        if argument:
            found['args'] = [argument]
        return found

    def equal(index, value):
        return {'index': index, 'value': value, 'op': 'SCMP_CMP_EQ'}

    rules = [rule(sorted(REFUSED)), rule(['clone3'], errno.ENOSYS)]
    for bit in range(32):
        if NEW_NAMESPACES >> bit & 1:
            rules.append(rule(['clone'], index=0, value=1 << bit,
                              valueTwo=1 << bit, op='SCMP_CMP_MASKED_EQ'))
    rules += [rule(['ioctl'], **equal(1, value)) for value in IOCTLS]
    rules += [rule(['socket'], errno.EAFNOSUPPORT, **equal(0, family))
              for family in range(max(FAMILIES)) if family not in FAMILIES]
    rules.append(rule(['socket'], errno.EAFNOSUPPORT, index=0,
                      value=max(FAMILIES), op='SCMP_CMP_GT'))
    rules.append({'names': ['personality'], 'action': 'SCMP_ACT_ERRNO',
                  'errnoRet': errno.EPERM, 'args': [
                      {'index': 0, 'value': value, 'op': 'SCMP_CMP_NE'}
                      for value in PERSONALITIES]})
    return {'defaultAction': 'SCMP_ACT_ALLOW',
            'archMap': [{'architecture': 'SCMP_ARCH_X86_64',
                         'subArchitectures': []},
                        {'architecture': 'SCMP_ARCH_AARCH64',
                         'subArchitectures': []}],
            'syscalls': rules}
