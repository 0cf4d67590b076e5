#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A second runtime for a share of the partitions, beside the first, under
# load: it comes, gets more and less, dies, and goes, and neither the group nor
# the other workers notice.
use strict;
use warnings;

use JSON::PP ();
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

# Partitions of all workers of a runtime.
sub held_by
{
	my ($f, $runtime) = @_;
	my ($row) = grep { $_->{runtime} eq $runtime }
	    @{$f->status->{runtimes}};

	return $row ? $row->{partitions} : 0;
}

sub pids_of
{
	my ($f, $runtime) = @_;

	return sort { $a <=> $b } map { $_->{pid} // () }
	    grep { $_->{runtime} eq $runtime && $_->{state} eq 'READY' }
	    @{$f->status->{workers}};
}

sub canary
{
	my ($runtime, $share) = @_;

	return sub { $_[1]{canary} = { runtime => $runtime, share => $share } };
}

sub shares
{
	my ($load, $c, $python, $what) = @_;
	my ($f) = $load->hosts;

	is_soon { held_by($f, 'c') == $c && held_by($f, 'python') == $python }
	    "$what: $c and $python", 60;
	return;
}

scenario 'a share that is moved' => sub {
	my $load = Test::Forebay::Load->new(Test::Forebay::Kafka->shared);
	my ($f) = $load->hosts;
	my $generation = $f->group_generation;
	my @pids = pids_of($f, 'c');

	$load->breaks;
	$f->reload_ok(canary('python', '25%'), 'a canary comes');
	shares($load, 6, 2, 'a quarter');
	is($f->metric('forebay_runtime_partitions', runtime => 'python'), 2,
	    'the metrics say so');
	is_soon {
		($f->metric('forebay_runtime_acked_total',
		    runtime => 'python') // 0) > 100
	} 'it moves records';
	my ($row) = grep { $_->{runtime} eq 'python' }
	    @{$f->status->{runtimes}};

	ok($row->{canary} && $row->{share} == 25, 'status calls it a canary');
	cmp_ok($row->{cpu_seconds_per_million} // 0, '>', 0,
	    'and says what a record costs');
	my ($status, $text) = run([$f->command, 'status', '-c', $f->{file}]);

	is($status, 0, 'status, for people');
	like($text, qr/^python +canary 25% +\d+ +2 /m, 'side by side');
	($status, $text) = run([$f->command, 'runtimes', '--json', '-c',
	    $f->{file}]);
	is($status, 0, 'runtimes');
	my ($known) = grep { $_->{name} eq 'python' }
	    @{JSON::PP::decode_json($text)};
	is("$known->{state} $known->{canary}", 'running 1', 'knows it, too');
	$f->reload_ok(canary('python', '50%'), 'its share grows');
	shares($load, 4, 4, 'half');
	$f->reload_ok(canary('python', '1%'), 'and shrinks');
	shares($load, 7, 1, 'never less than one');
	$f->reload_ok(canary('python', '100%'), 'all');
	shares($load, 0, 8, 'all');
	is_deeply([pids_of($f, 'c')], \@pids, 'the others stand by');
	$f->reload_ok(canary('python', '0%'), 'none');
	shares($load, 8, 0, 'none');
	is_soon { !pids_of($f, 'python') } 'then it has no worker';
	$f->reload_ok(canary('python', '25%'), 'again');
	shares($load, 6, 2, 'a quarter');
	$f->reload_ok(sub { delete $_[1]{canary} }, 'the canary goes');
	shares($load, 8, 0, 'no canary');
	is_soon { !pids_of($f, 'python') } 'nor a worker of it';
	$load->recovers('canary');
	is_deeply([pids_of($f, 'c')], \@pids,
	    'the other workers are those of before');
	is($f->group_generation, $generation, 'no rebalance');
	is($f->status->{counters}{deaths}, 0, 'nobody has died');
	$load->verdict(repeated => 0);
};

# What it held is the others' until it is back.
scenario 'a canary that is killed' => sub {
	my $load = Test::Forebay::Load->new(Test::Forebay::Kafka->shared,
	    host => { memory => { maxRecords => $Test::Forebay::Load::IN_FLIGHT },
		canary => { runtime => 'python', share => '50%' } });
	my ($f) = $load->hosts;
	my $generation = $f->group_generation;
	my @pids = pids_of($f, 'c');
	my $kills = 5;

	shares($load, 4, 4, 'from the start');
	$load->breaks;
	for my $n (1 .. $kills) {
		my @canaries = pids_of($f, 'python');

		kill('KILL', $_) for @canaries;
		is_soon { $f->status->{counters}{deaths} >= $n }
		    "kill $n is seen";
		is_soon {
			my @now = pids_of($f, 'python');

			return @now && $now[0] != $canaries[0];
		} 'it comes back', 60;
		shares($load, 4, 4, 'with its share');
	}
	$load->recovers('canary killed');
	is_deeply([pids_of($f, 'c')], \@pids, 'the others have lived');
	is($f->group_generation, $generation, 'no rebalance');
	is($f->metric('forebay_runtime_deaths_total', runtime => 'python'),
	    $f->status->{counters}{deaths}, 'its deaths are counted');
	is($f->metric('forebay_runtime_deaths_total', runtime => 'c'), 0,
	    'and are not the others\'');
	$load->verdict(repeated => 2 * $kills * $Test::Forebay::Load::IN_FLIGHT);
};

scenario 'a canary that does not get ready' => sub {
	my $load = Test::Forebay::Load->new(Test::Forebay::Kafka->shared);
	my ($f) = $load->hosts;
	my @pids = pids_of($f, 'c');
	my ($status, $text) = $f->reload(sub {
		$_[1]{runtimes}{broken} = { command => ['/bin/false'],
		    protocol => 'worker' };
		canary('broken', '50%')->(@_);
	});

	isnt($status, 0, 'the reload fails');
	like($text, qr/did not get ready/, 'and says why');
	is_soon { @{$f->status->{workers}} == @pids } 'it is gone';
	is_deeply([pids_of($f, 'c')], \@pids, 'the others are still there');
	is(held_by($f, 'c'), 8, 'and have all');
	($status, $text) = $f->reload(canary('nobody', '50%'));
	isnt($status, 0, 'one that is not known is refused');
	like($text, qr/spec\.canary\.runtime: found "nobody", known are /,
	    'by name');
	$load->verdict(repeated => 0);
};

# It starts well, and then its program is replaced by one that does not: the
# others do all the work, and it is an alarm that does not make us unready.
scenario 'a canary that does not come back' => sub {
	my $dir = scratch();
	my $python = Test::Forebay::python_runtime()->{python};

	spew("$dir/worker",
	    "#!/bin/sh\nexec @{$python->{command}} @{$python->{args}}\n");
	chmod(0755, "$dir/worker") or die "chmod: $!";
	my $load = Test::Forebay::Load->new(Test::Forebay::Kafka->shared,
	    host => { memory => { maxRecords => $Test::Forebay::Load::IN_FLIGHT },
		runtimes => { frail => { command => ["$dir/worker"],
		    protocol => 'worker' } },
		canary => { runtime => 'frail', share => '50%' } });
	my ($f) = $load->hosts;

	is_soon { held_by($f, 'frail') == 4 } 'it has half', 60;
	$load->breaks;
	spew("$dir/new", "#!/bin/sh\nexit 1\n");
	chmod(0755, "$dir/new") or die "chmod: $!";
	rename("$dir/new", "$dir/worker") or die "rename: $!";
	kill('KILL', $_) for pids_of($f, 'frail');
	is_soon { held_by($f, 'c') == 8 } 'the others have all of it';
	is_soon { grep { $_->{what} eq 'canary' } @{$f->status->{alarms}} }
	    'status says what is wrong';
	is(($f->http('/readyz'))[0], 204, 'it is no reason to be unready');
	$load->recovers('canary gone');
	$load->verdict(repeated => 2 * $Test::Forebay::Load::IN_FLIGHT);
};

scenario 'c as the canary of another' => sub {
	my $load = Test::Forebay::Load->new(Test::Forebay::Kafka->shared,
	    runtime => 'python', host => {
		memory => { maxRecords => $Test::Forebay::Load::IN_FLIGHT },
		canary => { runtime => 'c', share => '25%' } });
	my ($f) = $load->hosts;
	my $generation = $f->group_generation;

	shares($load, 2, 6, 'at first');
	$load->breaks;
	$f->reload_ok(canary('c', '75%'), 'more of it');
	shares($load, 6, 2, 'then');
	$f->reload_ok(sub {
		$_[0]{containerTemplate} = Test::Forebay::chosen('c');
		delete $_[1]{canary};
	}, 'and now all');
	shares($load, 8, 0, 'in the end');
	is($f->group_generation, $generation, 'no rebalance');
	$load->recovers('canary chosen');
	$load->verdict(repeated => 0);
};

done_testing();
