#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The master is killed, and what it finds when it comes back is not the ledger
# that it left: damaged, cut short, somebody else's, of another version, or
# overtaken by another host.  None is believed; reading goes on from the
# broker's offsets.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use Test::Forebay::Kafka;
use Test::Forebay::Load;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $b = Test::Forebay::Kafka->shared;

sub write_at
{
	my ($file, $at, $bytes) = @_;

	open(my $fh, '+<:raw', $file) or die "$file: $!";
	sysseek($fh, $at, 0);
	syswrite($fh, $bytes) == length $bytes or die "$file: $!";
	return;
}

sub read_at
{
	my ($file, $at, $len) = @_;

	open(my $fh, '<:raw', $file) or die "$file: $!";
	sysseek($fh, $at, 0);
	sysread($fh, my $bytes, $len);
	return $bytes;
}

# Without its master: the workers have seen the end of their channel.
sub kill_host
{
	my ($f) = @_;

	$f->kill_master;
	wait_until { !pids_in($f->{dir}) } 'the workers are gone', 30;
	return "$f->{run}/ledger";
}

# What a commit interval and a worker's death can repeat.
sub most
{
	my ($load) = @_;

	return $load->{rate} + 2 * $Test::Forebay::Load::IN_FLIGHT;
}

# Spoil the ledger with the block; the next master says why it is not used.
sub refused
{
	my ($name, $why, $spoil) = @_;

	scenario $name => sub {
		my $load = Test::Forebay::Load->new($b);
		my ($f) = $load->hosts;

		$load->breaks;
		my $ledger = kill_host($f);

		$spoil->($ledger, $load);
		my $spoilt = -s $ledger;

		$f->start;
		$load->recovers("a new master, its ledger is refused: $name");
		is(-s "$ledger.refused", $spoilt, 'it is moved aside');
		like($f->log_text, qr/\Q$ledger\E: $why; not used, moved to/,
		    'the log says why');
		is($f->status->{counters}{recovered}, 0,
		    'nothing is taken from it');
		$load->verdict(repeated => most($load));
	};
}

refused('cut short' => 'truncated', sub { truncate($_[0], 4096) });

refused('empty' => 'truncated', sub { truncate($_[0], 0) });

refused('not a ledger' => 'not a ledger', sub { write_at($_[0], 0, 'x' x 16) });

refused('damaged head' => 'damaged: its parts do not fit together',
    sub { write_at($_[0], 28, pack('V', 1)) });

refused('older ABI' => 'written by another version of forebay',
    sub { write_at($_[0], 4, pack('v', 0)) });

refused('of another manifest' => 'belongs to another manifest or group', sub {
	my ($ledger) = @_;
	my $topic = $b->topic(1);
	my $other = Test::Forebay->new(broker => $b, topic => $topic,
	    name => 'other');

	$other->start_ready(1);
	kill_host($other);
	spew($ledger, slurp("$other->{run}/ledger"));
});

# A row that claims more than can be: the rest of the ledger is good.
scenario 'a row beyond the end of the log' => sub {
	my $load = Test::Forebay::Load->new($b);
	my ($f) = $load->hosts;
	my $ledger = kill_host($f);
	my ($rows_off) = unpack('V', read_at($ledger, 28, 4));

	for my $row (0 .. 7) {
		my $at = $rows_off + $row * 256;

		write_at($ledger, $at + 64, pack('q<', 1 << 40)); # acked
		write_at($ledger, $at + 88, pack('q<', 1 << 40)); # high
	}
	$f->start;
	ok($load->moves('all partitions move'), 'it goes on');
	my $lines = () = $f->log_text =~
	    /ledger has acks up to 1099511627776.* not believed/g;

	is($lines, 8, 'the log names each of them');
	is($f->status->{counters}{recovered}, 0, 'nothing is taken from them');
	$load->verdict(repeated => most($load));
};

# The ledger is good and true, but another host has gone on from there.
scenario 'overtaken by another host' => sub {
	my $load = Test::Forebay::Load->new($b, hosts => 2, start => 1,
	    config => { 'group.instance.id' => '',
		'session.timeout.ms' => 3000 },
	    each => [{ host => { commitInterval => '5s' } }, {}]);
	my ($f, $g) = $load->hosts;

	wait_until {
		my $rows = $f->partitions;

		return 8 == grep { $_->{acked} > ($_->{committed} // 0) + 50 }
		    values %$rows;
	} 'acks are ahead of commits';
	$load->breaks;
	kill_host($f);
	$g->start;
	$load->recovers('a host dies, another has its partitions');
	wait_until {
		my $rows = $g->partitions;

		return !grep { ($_->{committed} // 0) < 1000 } values %$rows;
	} 'it has committed further', 60;
	$g->drain;
	$f->start;
	ok($load->moves('all partitions move'), 'the first goes on');
	my $lines = () = $f->log_text =~
	    /ledger has acks up to \d+.* group has gone on/g;

	is($lines, 8, 'the log says that they are outdated');
	is($f->status->{counters}{recovered}, 0, 'nothing is taken from them');
	# The records of a commit interval were acked and not committed.
	$load->verdict(repeated => 5 * $load->{rate} + most($load));
};

# Too large for the address space that we may have: a shortage of ours, and no
# reason to throw away what may be good.
scenario 'cannot be mapped' => sub {
	return skip_for('a sanitizer needs all of the address space',
	    machine => 1) if $ENV{FOREBAY_SAN};
	my $load = Test::Forebay::Load->new($b);
	my ($f) = $load->hosts;
	my $ledger = kill_host($f);
	my $size = -s $ledger;

	truncate($ledger, 1 << 40) or die "$ledger: $!";
	$f->{wrap} = ['prlimit', '--as=' . (1 << 36), '--'];
	$f->start_only;
	cmp_ok($f->await_exit, '>', 0, 'it does not start');
	like($f->log_text, qr/error .*\Q$ledger\E: Cannot allocate memory/,
	    'the log says why');
	ok(-e $ledger && ! -e "$ledger.refused", 'it stays where it is');
	truncate($ledger, $size) or die "$ledger: $!";
	$f->{wrap} = [];
	$f->start;
	ok($load->moves('all partitions move'), 'later it goes on');
	$load->verdict(repeated => 0);
};

# And for comparison: one that is believed.
scenario 'good' => sub {
	my $load = Test::Forebay::Load->new($b);
	my ($f) = $load->hosts;

	$load->breaks;
	kill_host($f);
	$f->start;
	$load->recovers('the master is killed and started again');
	ok(! -e "$f->{run}/ledger.refused", 'nothing is moved aside');
	$load->verdict(repeated => 0);
};

done_testing();
