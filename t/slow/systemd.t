#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The units, under a real systemd that is booted in a container directory:
# start, reload good and bad, stop with drain, kill -9 of the master, two
# instances.  The broker is outside; the network is shared.
use strict;
use warnings;

use lib qw(t/lib t/slow);
use Machine;
use POSIX ();
use Test::Forebay::Mock;
use Test::Forebay::Util;
use Test::More;

need(qw(mmdebstrap systemd-nspawn nsenter));

my $dir = scratch();
my $root = "$dir/root";
my $nspawn;			# systemd-nspawn's pid, and
my $init;			# its systemd's
my $conf = "$root/etc/forebay";

END {
	local $?;
	if ($nspawn) {
		# systemd takes it as "halt"; nspawn itself ends then.
		kill(POSIX::SIGRTMIN() + 3, $init) if $init;
		kill_pid($nspawn) unless defined reap($nspawn, 20);
	}
}

# A command in the booted container: (status, stdout, stderr).
sub inside
{
	return run(['nsenter', '--all', '--root', '--wd', '-t', $init, '--',
	    'env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', @_],
	    timeout => 120);
}

sub inside_ok
{
	my ($what, @cmd) = @_;
	my ($status, $out, $err) = inside(@cmd);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($status, 0, $what) or diag($err, journal());
	return $out;
}

sub journal
{
	return (inside(qw(journalctl --no-pager -n 40 -o short-precise -u),
	    'forebay*'))[1];
}

sub property
{
	my ($name, $unit) = @_;
	my $said = (inside('systemctl', 'show', '-P', $name,
	    $unit // 'forebay'))[1];

	chomp $said;
	return $said;
}

sub set_up
{
	my $b = source_dir() . '/build-slow';

	# Other directories are compiled in: not the build of `make check`.
	delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
	loud('make install', 1200, 'make', '-C', source_dir(), '-j2',
	    "B=$b", 'SAN=', 'prefix=/usr', "DESTDIR=$dir/image", 'install')
	    or return 0;
	rootfs($root, undef, qw(systemd dbus), libraries_of("$b/forebay",
	    "$b/forebay-worker"));
	run_ok(['cp', '-a', "$dir/image/.", $root]);
	return 1;
}

sub boot
{
	$nspawn = spawn(['systemd-nspawn', '-q', '-D', $root, '--boot',
	    '--register=no', '--keep-unit', '--console=pipe'],
	    out => "$dir/console", err => "$dir/console");
	wait_until {
		die "nspawn ended: " . slurp("$dir/console")
		    unless pid_alive($nspawn);
		# nspawn has other children while it sets up.
		($init) = grep { slurp("/proc/$_/comm") eq "systemd\n" }
		    split ' ', slurp("/proc/$nspawn/task/$nspawn/children");
		$init && (inside('systemctl', 'is-system-running'))[1] =~
		    /^(?:running|degraded)$/m;
	} 'systemd is up', 90;
	return 1;
}

eval { set_up() && boot() } or do {
	fail("a booted systemd: $@");
	diag(substr(slurp("$dir/console"), -3000));
	diag((inside(qw(systemctl list-jobs)))[1]) if $init;
	done_testing();
	exit;
};

my $kafka = Test::Forebay::Mock->new;
my $in = $kafka->topic(4);
my $out = $kafka->topic(4, output => 1);

sub manifest
{
	return kafka_to_kafka('orders', $kafka->bootstrap, $in, $out, @_);
}

# Records that come in now come out.
sub flows_ok
{
	my ($what) = @_;

	$kafka->produce($in, 1000);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is_soon { $kafka->is_caught_up('orders', $in) } $what, 60;
}

scenario 'the units are good' => sub {
	my ($status, $said, $err) = inside('systemd-analyze', 'verify',
	    '--man=no', 'forebay.service', 'forebay@x.service');

	is($status, 0, 'systemd-analyze verify');
	unlike($err, qr/forebay/, 'no complaint') or diag($err);
	inside_ok('sysusers made the user', 'id', 'forebay');
	($status, $said) = inside('systemd-analyze', 'security', '--no-pager',
	    'forebay.service');
	my ($exposure) = $said =~ /Overall exposure.*: ([\d.]+) /;
	cmp_ok($exposure // 10, '<', 3, 'little is exposed') or diag($said);
	note("exposure level $exposure");
};

scenario 'a bad manifest does not start, and is not tried again' => sub {
	spew("$conf/forebay.yaml", manifest('{workers: many}'));
	my ($status) = inside(qw(systemctl start forebay));

	isnt($status, 0, 'systemctl start says so');
	is(property('ExecMainStatus'), 2, 'exit status 2');
	is(property('NRestarts'), 0, 'no restart');
	like(journal(), qr/forebay\.yaml:\d+:\d+: /, 'the place is told');
	inside(qw(systemctl reset-failed forebay));
};

scenario 'start' => sub {
	spew("$conf/forebay.yaml", manifest());
	inside_ok('systemctl start', qw(systemctl start forebay));
	is(property('ActiveState'), 'active', 'it is active');
	is(property('User'), 'forebay', 'as a user of its own');
	flows_ok('records flow');
	like(property('StatusText'), qr/\S/, 'there is a status line');
	note(property('StatusText'));
	my $status = inside_ok('forebay status, for root', qw(forebay status
	    -c /etc/forebay/forebay.yaml));
	like($status, qr/\Q$in\E/, 'it shows the topic');
};

scenario 'reload' => sub {
	my $pid = property('MainPID');

	spew("$conf/forebay.yaml", manifest('{commitInterval: 500ms}'));
	inside_ok('a good manifest', qw(systemctl reload forebay));
	flows_ok('records flow');
	spew("$conf/forebay.yaml", manifest('{workers: many}'));
	my ($status) = inside(qw(systemctl reload forebay));
	isnt($status, 0, 'a bad manifest is refused');
	is(property('ActiveState'), 'active', 'it goes on');
	flows_ok('records flow');
	is(property('MainPID'), $pid, 'all in the same master');
	spew("$conf/forebay.yaml", manifest());
	inside_ok('and back', qw(systemctl reload forebay));
};

scenario 'stop drains' => sub {
	my $producer = $kafka->producer($in, rate => 5000);
	my $before = $producer->acked;

	wait_until { $producer->acked > $before + 1000 } 'records come in';
	inside_ok('systemctl stop', qw(systemctl stop forebay));
	is(property('Result'), 'success', 'a clean end');
	is(property('ExecMainStatus'), 0, 'exit status 0');
	$producer->close;
	ok(-d "$root/run" && (inside(qw(ls /run/forebay)))[0] == 0,
	    'the run directory stays');
	inside_ok('systemctl start', qw(systemctl start forebay));
	flows_ok('the next one goes on');
	# All that was in flight was delivered and committed.
	$kafka->delivered_ok(from => $out, repeated => 0);
};

scenario 'the master is killed' => sub {
	my $pid = property('MainPID');
	my $producer = $kafka->producer($in, rate => 5000);
	my $before = $producer->acked;

	wait_until { $producer->acked > $before + 1000 } 'records come in';
	inside_ok('kill -9', qw(systemctl kill -s KILL --kill-who=main
	    forebay));
	is_soon { property('NRestarts') >= 1 &&
	    property('ActiveState') eq 'active' } 'systemd starts it again';
	isnt(property('MainPID'), $pid, 'another master');
	$producer->close;
	flows_ok('records flow');
	# What was in flight in four lanes may come twice.
	my $verdict = $kafka->delivered_ok(from => $out, repeated => 20000);
	note("repeated $verdict->{repeated}");
};

scenario 'an instance beside it' => sub {
	my $other = $kafka->topic(2);

	spew("$conf/second.yaml", kafka_to_kafka('second', $kafka->bootstrap,
	    $other, $out, '{http: {listen: "127.0.0.1:0"}}'));
	inside_ok('systemctl start', qw(systemctl start forebay@second));
	is(property('ActiveState', 'forebay@second'), 'active', 'active');
	is(property('ActiveState'), 'active', 'so is the first');
	$kafka->produce($other, 1000);
	is_soon { $kafka->is_caught_up('second', $other) } 'records flow', 60;
	inside_ok('systemctl reload', qw(systemctl reload forebay@second));
	inside_ok('systemctl stop', qw(systemctl stop forebay@second));
};

scenario 'the end' => sub {
	inside_ok('systemctl stop', qw(systemctl stop forebay));
	is(property('Result'), 'success', 'a clean end');
	my ($status, $said) = inside(qw(journalctl --no-pager -p crit -u),
	    'forebay*');
	unlike($said, qr/forebay\[/, 'nothing critical in the journal');
	diag(journal()) unless Test::More->builder->is_passing;
};

done_testing();
