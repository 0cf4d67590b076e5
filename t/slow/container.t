#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The image of Containerfile: it builds, the master runs in it as pid 1 and
# not as root, and SIGTERM drains.
#
# There is no registry in this test: the base image is made here.  Nor is a
# container runtime needed: the image's root file system is entered with
# chroot in new pid and mount namespaces.
use strict;
use warnings;

use lib qw(t/lib t/slow);
use Machine;
use Test::Forebay::Mock;
use Test::Forebay::Util;
use Test::More;

need(qw(buildah mmdebstrap unshare));

my $dir = scratch();
my @buildah = ('env', 'BUILDAH_ISOLATION=chroot', 'buildah', '--root',
    "$dir/storage", '--runroot', "$dir/run");

# Nothing of it may stay mounted.
END {
	local $?;
	run([@buildah, 'rm', '--all']) if $dir;
	for my $mount (slurp('/proc/mounts') =~ /^\S+ (\Q$dir\E\S*)/mg) {
		run(['umount', '-l', $mount]);
	}
}

my $image = eval {
	rootfs("$dir/base.tar", $ENV{FOREBAY_SUITE} // 'trixie');
	spew("$dir/Containerfile", "FROM scratch\nADD base.tar /\n");
	loud('a base image', 600, @buildah, 'bud', '-t', 'localhost/base',
	    $dir) or die "no base image\n";
	unlink("$dir/base.tar");
	copy_tree("$dir/tree");
	loud('the image builds', 1800, @buildah, 'bud', '-t',
	    'localhost/forebay', '--build-arg', 'BASE=localhost/base',
	    '-f', "$dir/tree/Containerfile", "$dir/tree")
	    or die "no image\n";
	1;
} or diag($@);

sub inspect
{
	my ($what) = @_;
	my $said = run_ok([@buildah, 'inspect', '--type', 'image', '--format',
	    "{{.OCIv1.Config.$what}}", 'localhost/forebay']);

	chomp $said;
	return $said;
}

# The master's pid as seen from here: the only child of unshare(1).
sub child_of
{
	my ($pid) = @_;

	return (split ' ', slurp("/proc/$pid/task/$pid/children"))[0];
}

scenario 'what the image says of itself' => sub {
	is(inspect('User'), 'forebay', 'not root');
	is(inspect('StopSignal'), 'SIGTERM', 'stops with SIGTERM');
	like(inspect('Entrypoint'), qr{/usr/sbin/forebay}, 'runs forebay');
} if $image;

scenario 'records go through, SIGTERM drains' => sub {
	my $kafka = Test::Forebay::Mock->new;
	my $in = $kafka->topic(4);
	my $out = $kafka->topic(4, output => 1);
	my $container = run_ok([@buildah, 'from', 'localhost/forebay']);
	chomp $container;
	my $root = run_ok([@buildah, 'mount', $container]);
	chomp $root;
	my ($uid) = slurp("$root/etc/passwd") =~ /^forebay:[^:]*:(\d+):/m;

	spew("$root/etc/forebay/forebay.yaml",
	    kafka_to_kafka('image', $kafka->bootstrap, $in, $out));
	my @enter = ('unshare', '--mount', '--pid', '--fork', '--kill-child',
	    'sh', '-c', 'mount -t proc proc "$0/proc" && '
	    . 'mount --rbind /dev "$0/dev" && '
	    . 'exec chroot --userspec=forebay "$0" /usr/sbin/forebay "$@"',
	    $root);
	like(run_ok([@enter, 'version']), qr/\d+\.\d+/, 'forebay version');

	my $pid = spawn([@enter, '-c', '/etc/forebay/forebay.yaml'],
	    err => "$dir/log");
	my $ok = eval {
		$kafka->produce($in, 20000);
		wait_until { $kafka->is_caught_up('image', $in) }
		    'the group is caught up', 60;
		my $master = child_of($pid);
		my ($ids) = slurp("/proc/$master/status") =~ /^Uid:\s+(\d+)/m;

		is($ids, $uid, "the master is user $uid");
		like(slurp("/proc/$master/status"), qr/^NSpid:.*\s1$/m,
		    'and pid 1');
		my $producer = $kafka->producer($in, rate => 5000);
		my $before = $producer->acked;
		wait_until { $producer->acked > $before + 1000 }
		    'records flow';
		kill('TERM', $master);
		is(reap($pid, 60), 0, 'SIGTERM: exit status 0');
		$producer->close;
		1;
	} or fail("went through: $@");
	kill_pid($pid) unless $ok;

	# What came in after the end is read by the next one.
	$pid = spawn([@enter, '-c', '/etc/forebay/forebay.yaml'],
	    err => "$dir/log");
	is_soon { $kafka->is_caught_up('image', $in) } 'it goes on', 60;
	kill('TERM', child_of($pid));
	is(reap($pid, 60), 0, 'exit status 0 again');
	$kafka->delivered_ok(from => $out, repeated => 0);
	diag(slurp("$dir/log")) unless Test::More->builder->is_passing;
} if $image;

done_testing();
