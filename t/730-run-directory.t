#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The run directory has no room, or may not be written: at the start that is
# refused with a sentence, later nothing that moves records needs it.
use strict;
use warnings;

use Test::More;

use Test::Forebay::Kafka;
use Test::Forebay::Load;
use Test::Forebay::Mount;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $b = Test::Forebay::Kafka->shared;

sub mounted { return Test::Forebay::Mount->new(@_) }

# Start, and see it refuse: its exit status and what it says.
sub refuses
{
	my ($f, $pattern, $what) = @_;

	$f->start_only;
	my $status = $f->await_exit(20);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	cmp_ok($status, '>', 0, "it exits ($status): $what");
	like($f->log_text, $pattern, 'and says what is wrong with which file');
	unlike($f->log_text, qr/Bus error|signal 7/, 'nothing crashes');
	return;
}

my $probe = scratch();
my $can = mounted("$probe/run", 'size=64k');

skip_all_for('nothing can be mounted here', machine => 1) unless $can;
undef $can;

scenario 'no room at the start' => sub {
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(1));
	my $mount = mounted($f->{run}, 'size=64k');

	refuses($f, qr{\Q$f->{run}\E/ledger: No space left on device},
	    'no room');
	is(-e "$f->{run}/ledger", undef, 'half a ledger is not left behind');
};

scenario 'read-only at the start' => sub {
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(1));
	my $mount = mounted($f->{run}, 'ro');

	refuses($f, qr{\Q$f->{run}\E\S*: Read-only file system}, 'read-only');
};

scenario 'no room left while it runs, and at the next start' => sub {
	my $load = Test::Forebay::Load->new($b, start => 0);
	my ($f) = $load->hosts;
	# Two ledgers of more than 2 MB are there while one grows.
	my $mount = mounted($f->{run}, 'size=8m');

	$f->start_ready(8);
	$load->produce;
	$load->breaks;
	$mount->fill;
	kill('KILL', ($f->worker_pids)[0]);
	is_soon { $f->worker_pids == 2 && $f->held == 8 }
	    'a worker is replaced';
	$load->recovers('the run directory is full');
	is(($f->http('/readyz'))[0], 204, 'ready');
	my ($status, $text) = $f->reload(sub {
		$_[1]{commitInterval} = '300ms';
	});

	is($status, 0, 'a reload is taken') or diag($text);
	# The next ledger needs room beside the old one, which is kept.
	$f->kill_master;
	wait_until { !pids_in($f->{dir}) } 'the workers are gone';
	refuses($f, qr{ledger\S*: No space left on device}, 'no room');
	ok(-s "$f->{run}/ledger", 'the old ledger is still there');
	$mount->free;
	$f->start_ready(8);
	ok($load->moves('all partitions move'), 'with room it goes on');
	$load->verdict(repeated => $Test::Forebay::Load::IN_FLIGHT);
};

# Files that are open for writing keep a file system from being made
# read-only; an empty one that is, mounted over it, is the same for whoever
# comes by its name.
scenario 'not to be written any more while it runs' => sub {
	my $load = Test::Forebay::Load->new($b);
	my ($f) = $load->hosts;
	my ($victim) = $f->worker_pids;
	my $mount = mounted($f->{run}, 'ro');

	kill('KILL', $victim);
	# The control socket is out of reach; the log is not.
	is_soon { $f->log_text =~ /worker \d+ \(pid $victim\) was killed/ }
	    'the death is noticed';
	my $end = time + 2;

	wait_until { time > $end } 'a while has passed';
	undef $mount;
	is($f->held, 8, 'all partitions are held');
	ok($load->moves('all partitions move'), 'and nothing was missed');
	$load->verdict(repeated => $Test::Forebay::Load::IN_FLIGHT);
};

done_testing();
