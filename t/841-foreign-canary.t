#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A canary that is a member of the group by itself (protocol numaflow), beside
# the C workers, and C workers as the canary of such a runtime: it comes and goes
# as one more member, and the others keep running.
use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Load;
use Test::Forebay::Util;

if (my $why = Test::Forebay::no_python()) {
	skip_for($why);
	done_testing();
	exit;
}
Test::Forebay::Kafka->need;

# What a stand-in may have written and not committed when it is stopped.
my $BATCH = 500;

sub stand_in
{
	return { other => { command => ['/usr/bin/python3',
	    source_dir() . '/t/interop/numaflow.py'],
	    env => { STAND_IN_PORT => '0' } } };
}

sub load
{
	my (%opt) = @_;

	return Test::Forebay::Load->new(Test::Forebay::Kafka->shared, %opt,
	    host => { memory => { maxRecords => $Test::Forebay::Load::IN_FLIGHT },
		runtimes => stand_in(), %{$opt{host} // {}} });
}

sub canary
{
	my ($runtime) = @_;

	return sub { $_[1]{canary} = { runtime => $runtime } };
}

sub row
{
	my ($f, $runtime) = @_;
	my ($row) = grep { $_->{runtime} eq $runtime }
	    @{$f->status->{runtimes}};

	return $row // {};
}

# It has partitions, as the group sees it, and moves their records.
sub shared_with
{
	my ($f, $members, $what) = @_;

	is_soon {
		my (undef, $all) = $f->{broker}->group($f->{group});

		return @$all == $members;
	} "$what: $members members", 60;
	return;
}

scenario 'a canary that is a member by itself' => sub {
	my $load = load();
	my ($f) = $load->hosts;
	my @pids = $f->worker_pids;

	$load->breaks;
	$f->reload_ok(canary('other'), 'it comes');
	shared_with($f, 2, 'it has joined');
	is_soon { $f->held == 4 } 'the group gives it half', 60;
	is_soon { (grep { $_->{state} eq 'OBSERVED' }
	    values %{$f->partitions}) == 4 } 'which can be seen, too';
	my $row = row($f, 'other');

	ok($row->{canary} && $row->{workers} == 1 && !defined $row->{share},
	    'status calls it a canary whose share the group decides');
	like(($f->cli('status'))[1], qr/^other +canary, by the group +1 /m,
	    'for people, too');
	is($f->metric('forebay_runtime_workers', runtime => 'other'), 1,
	    'and so do the metrics');
	is_soon { ($f->metric('forebay_partition_committed') // 0) > 1000 }
	    'its offsets are counted';
	$f->reload_ok(sub { $_[0]{limits}{readBatchSize} = 400 },
	    'a setting is changed that it is given, too');
	is_soon { row($f, 'other')->{spawns} == 2 } 'it is started anew', 30;
	is_deeply([$f->worker_pids], \@pids, 'our workers are told');
	kill('KILL', $f->status->{foreign_canary}{pid});
	is_soon { row($f, 'other')->{deaths} == 1 } 'it is killed';
	is(($f->http('/readyz'))[0], 204, 'which does not make us unready');
	is_soon { row($f, 'other')->{spawns} == 3 &&
	    row($f, 'other')->{workers} == 1 } 'and started again', 30;
	$f->reload_ok(sub { delete $_[1]{canary} }, 'it goes');
	is_soon { $f->held == 8 } 'all is ours again', 60;
	is_deeply([$f->worker_pids], \@pids, 'and our workers have lived');
	$load->recovers('canary of numaflow');
	$load->verdict(repeated => 3 * 8 * $BATCH);
};

scenario 'c as its canary, and in its place' => sub {
	my $load = load(runtime => 'other', start => 0);
	my ($f) = $load->hosts;

	$f->start;
	shared_with($f, 1, 'it runs');
	my $pid = $f->status->{foreign}{pid};

	$load->produce;
	$load->breaks;
	$f->reload_ok(canary('c'), 'C workers join');
	is_soon { $f->held == 4 } 'and get half', 60;
	is($f->status->{foreign}{pid}, $pid, 'it has kept running');
	is(row($f, 'c')->{partitions}, 4, 'side by side');
	$f->reload_ok(sub { delete $_[1]{canary} }, 'they leave');
	shared_with($f, 1, 'it is alone again');
	is($f->status->{foreign}{pid}, $pid, 'and still the same');
	$f->reload_ok(canary('c'), 'they come back');
	is_soon { $f->held == 4 } 'for their half', 60;
	$f->reload_ok(sub {
		delete $_[1]{canary};
		$_[0]{containerTemplate} = Test::Forebay::chosen('c');
	}, 'and take all');
	is_soon { $f->held == 8 } 'it is gone', 60;
	ok(!$f->status->{foreign}, 'really');
	$load->recovers('numaflow to c');
	$load->verdict(repeated => 4 * 8 * $BATCH);
};

done_testing();
