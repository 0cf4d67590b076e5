#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The two commands of README.md, in an empty Debian 12 and an empty Debian
# 13, as root and as a user with sudo.
#
#	FOREBAY_FRESH='bookworm:root trixie:user' prove -It/lib t/slow/fresh.t
use strict;
use warnings;

use lib qw(t/lib t/slow);
use Machine;
use Test::Forebay::Util;
use Test::More;

my @SETUPS = split ' ', $ENV{FOREBAY_FRESH} //
    'bookworm:root bookworm:user trixie:root trixie:user';

# Runs in namespaces of its own, so that nothing stays mounted and no
# process survives.  $1 root file system, $2 user, $3 command.
my $ENTER = <<'SH';
set -e
exec 2>&1
mount -t proc proc "$1/proc"
mount --rbind /sys "$1/sys"
mount --rbind /dev "$1/dev"
mount -t tmpfs tmpfs "$1/run"
case $2 in
root) exec chroot "$1" sh -c "cd /home/forebay && $3" ;;
*)    exec chroot "$1" runuser -u "$2" -- sh -c "cd /home/forebay && $3" ;;
esac
SH

need(qw(mmdebstrap unshare));

my $readme = slurp(source_dir() . '/README.md');
my $first = 'sudo apt-get install -y make && make deps demo';
my $second = 'make check';

like($readme, qr/^\s*(?:\$ )?\Q$_\E$/m, "README.md says: $_")
    for $first, $second;

delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS FOREBAY_BUILD FOREBAY_SAN)};
# The tools of this machine's own are not there.
$ENV{PATH} = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

for my $setup (@SETUPS) {
	my ($suite, $who) = split /:/, $setup;

	scenario "an empty $suite, as $who" => sub {
		my $dir = scratch();
		my $root = "$dir/root";

		rootfs($root, $suite, $who eq 'root' ? () : 'sudo');
		copy_tree("$root/home/forebay");
		local $ENV{HOME} = '/root';
		my $set_up = $first;
		if ($who eq 'root') {
			$set_up =~ s/^sudo //;
		} else {
			$ENV{HOME} = '/home/forebay';
			spew("$root/etc/sudoers.d/forebay",
			    "forebay ALL=(ALL:ALL) NOPASSWD: ALL\n");
			run_ok(['chroot', $root, 'sh', '-c',
			    'useradd -d /home/forebay -s /bin/sh forebay && '
			    . 'chown -R forebay: /home/forebay']);
			$who = 'forebay';
		}
		for ($set_up, $second) {
			my $said = loud($_, 2400, 'unshare', '--mount',
			    '--pid', '--fork', '--kill-child', 'sh', '-c',
			    $ENTER, 'sh', $root, $who, $_) or last;
			note(substr($said, -2000));
		}
	};
}

done_testing();
