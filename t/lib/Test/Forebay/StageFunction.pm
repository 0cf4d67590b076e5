# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: a transformer and a map before the sinks, which are functions with
# the SDK for Python (t/interop/functions) that the test runs itself.
package Test::Forebay::StageFunction;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Path qw(make_path);
use JSON::PP ();
use Test::More;

use Test::Forebay;
use Test::Forebay::Function;
use Test::Forebay::Kafka;
use Test::Forebay::Scenarios;
use Test::Forebay::SinkFunction;
use Test::Forebay::Util;

my $SECTION = { container => { image => 'function' } };

# One worker and its functions, each [MODE, ORDERS] by its role.
sub with_stages
{
	my ($b, $topic, $sink, $host, %stages) = @_;
	my $f = Test::Forebay->new(broker => $b, topic => $topic, workers => 1,
	    host => $host, sink => $sink);
	my %function;

	for my $role (sort keys %stages) {
		my ($mode, $do) = @{$stages{$role}};
		my $dir = abs_path("$f->{dir}") . "/run/functions/$role-0";

		make_path($dir);
		$function{$role} = Test::Forebay::Function->new(
		    language => 'python', role => $role, mode => $mode,
		    dir => $dir, do => $do);
		$function{$role}->start;
	}
	$f->edit(sub {
		my ($spec) = @_;

		$spec->{source}{transformer} = $SECTION
		    if $stages{transformer};
		$spec->{udf} = $SECTION if $stages{map};
	});
	return ($f, \%function);
}

sub drain
{
	my ($f, $function) = @_;

	$f->drain;
	$_->stop for values %$function;
	return;
}

# A record with that header, of which its value tells, too.
sub put
{
	my ($b, $topic, $header, $key) = @_;

	run_ok(['sh', '-c', 'printf "%s\t%s\n" "$3" "$4" | exec kcat -P -K "\t" ' .
	    '-b "$1" -t "$2" -H "$4"', 'sh', $b->bootstrap, $topic, $key // 'k',
	    $header], timeout => patience(60));
	return;
}

# What a topic has, a record in each element, as kcat's format says.
sub records
{
	my ($b, $topic, $format) = @_;

	return split /\x02/, run_ok(['kcat', '-C', '-e', '-q', '-b',
	    $b->bootstrap, '-t', $topic, '-o', 'beginning', '-f',
	    "$format\x02"], timeout => patience(60));
}

sub outcomes_ok { goto &Test::Forebay::SinkFunction::outcomes_ok }

# Each counter is that; all of one look.
sub metrics_ok
{
	my ($f, %want) = @_;
	my (undef, $text) = $f->http('/metrics');
	my %have = map { $_ => 0 } keys %want;

	for (split /\n/, $text) {
		/^(\w+)(?:\{.*\})? (\S+)/ or next;
		$have{$1} += $2 if defined $have{$1};
	}
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is_deeply(\%have, \%want, 'and the metrics');
}

# So many results of each record, one after the other, in the source's order.
sub in_order_ok
{
	my ($text, $records, $each) = @_;
	my %next;
	my ($n, $wrong) = (0, 0);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	while ($text =~ m{^Payload - \S.*?/([/\d]+) Keys .* ID - (\S+):(\d+)$}mg) {
		my ($no, $place, $offset) = ($1, $2, $3);
		my $want = $next{$place} // "0 0";
		my ($at, $i) = split / /, $want;

		$n++;
		$wrong++ if $at != $offset || $each->[$i] ne $no;
		$next{$place} = $i == $#$each ? ($at + 1) . ' 0' :
		    "$at " . ($i + 1);
	}
	is($n, $records * @$each, scalar(@$each) . ' of each record');
	return is($wrong, 0, 'in the order of the source');
}

# ---- scenarios -----------------------------------------------------------

body stage_transformer => 'a transformer of several results', sub {
	my ($b) = @_;
	my $topic = $b->topic(2);
	my ($f, $function) = with_stages($b, $topic, 'log', {},
	    transformer => ['sync', 'copies=3']);

	$b->produce($topic, 2000);
	$f->start->await_caught_up;
	outcomes_ok($f, delivered => 2000);
	metrics_ok($f, forebay_worker_outputs_total => 6000,
	    monovtx_sink_write_total => 6000,
	    monovtx_transformer_dropped_total => 0,
	    monovtx_transformer_time_count => 2000,
	    monovtx_udf_time_count => 0);
	drain($f, $function);
	in_order_ok(slurp($f->{out}), 2000, [0 .. 2]);
};

body stage_map => 'a transformer, and a map in each of its modes', sub {
	my ($b) = @_;

	for my $mode (qw(sync batch stream)) {
		my $topic = $b->topic(2);
		my ($f, $function) = with_stages($b, $topic, 'log', {},
		    transformer => ['sync', 'copies=2 meta=g/k/v key=a key=b'],
		    map => [$mode, 'copies=2']);

		$b->produce($topic, 1000);
		$f->start->await_caught_up;
		outcomes_ok($f, delivered => 1000);
		metrics_ok($f, forebay_worker_outputs_total => 4000,
		    monovtx_transformer_time_count => 1000,
		    monovtx_udf_drop_total => 0,
		    monovtx_udf_error_total => 0,
		    monovtx_udf_time_count => 2000);
		drain($f, $function);
		in_order_ok(slurp($f->{out}), 1000,
		    [qw(0/0 0/1 1/0 1/1)]);
		my @seen = $function->{map}->seen;

		is(scalar(grep { "@{$_->{keys}}" ne 'a b' } @seen), 0,
		    "$mode: the map sees the transformer's keys");
		# This SDK shows it to no other.
		is(scalar(grep { !$_->{user}{g}{k} } @seen), 0,
		    "$mode: and its metadata") if $mode eq 'sync';
	}
};

body stage_drops => 'a function drops all', sub {
	my ($b) = @_;

	for my $role (qw(transformer map)) {
		my $topic = $b->topic(2);
		my ($f, $function) = with_stages($b, $topic, 'log', {},
		    $role => ['sync', 'drop']);

		$b->produce($topic, 2000);
		$f->start->await_caught_up;
		outcomes_ok($f, dropped => 2000);
		metrics_ok($f, forebay_worker_outputs_total => 0,
		    monovtx_sink_dropped_total => 0,
		    monovtx_transformer_dropped_total =>
			$role eq 'transformer' ? 2000 : 0,
		    monovtx_udf_drop_total => $role eq 'map' ? 2000 : 0);
		drain($f, $function);
		is(slurp($f->{out}), '', "$role: nothing is written");
	}
};

body stage_bypass => 'a tag leads past the map', sub {
	my ($b) = @_;
	my $topic = $b->topic(1);
	my ($f, $function) = with_stages($b, $topic, 'log', {},
	    transformer => ['sync', ''], map => ['sync', 'copies=2']);

	$f->edit(sub {
		$_[0]{bypass} = { sink => { tags => { operator => 'or',
			values => ['past'] } } };
	});
	put($b, $topic, $_) for 'do.transformer=tag=other',
	    'do.transformer=tag=past', 'do.transformer=tag=none';
	$f->start->await_caught_up;
	outcomes_ok($f, delivered => 3);
	drain($f, $function);
	is_deeply([slurp($f->{out}) =~ /^Payload - do\.transformer=tag=(\S+)/mg],
	    [qw(other/0 other/1 past none/0 none/1)],
	    'past the map, and not past other records');
};

body stage_event_time => 'the event time is what the transformer says', sub {
	my ($b) = @_;
	my $topic = $b->topic(1);
	my ($f, $function) = with_stages($b, $topic, 'log', {},
	    transformer => ['sync', 'time=1600000000123']);

	$b->produce($topic, 200);
	$f->start->await_caught_up;
	is((values %{$f->partitions})[0]{watermark}, 1600000000123,
	    'so is the watermark');
	drain($f, $function);
	is(scalar(() = slurp($f->{out}) =~ / EventTime - 1600000000123 /g), 200,
	    'the sink sees it');
};

# The reason of a dead letter is one that functions have in common.
body stage_gives_up => 'records that a function never takes', sub {
	my ($b) = @_;
	my $topic = $b->topic(1);
	my $dead = $b->topic(1, output => 1);
	my ($f, $function) = with_stages($b, $topic, 'log',
	    { deadLetter => { topic => $dead } },
	    transformer => ['sync', ''], map => ['sync', '']);
	my $retry = { backoff => { interval => '1ms', steps => 2 } };

	$f->edit(sub {
		my ($spec) = @_;

		$spec->{source}{transformer} = { %$SECTION,
			retryStrategy => { %$retry, onFailure => 'drop' } };
		$spec->{udf} = { %$SECTION, retryStrategy => $retry };
	});
	$b->produce($topic, 20);
	put($b, $topic, "do.$_=none") for qw(transformer map);
	$b->produce($topic, 20);
	$f->start->await_caught_up;
	outcomes_ok($f, delivered => 40, dropped => 1, dead_lettered => 1);
	metrics_ok($f, forebay_function_errors_total => 6,
	    forebay_worker_outputs_total => 40,
	    monovtx_transformer_dropped_total => 1,
	    monovtx_udf_drop_total => 0, monovtx_udf_error_total => 3);
	drain($f, $function);
	for my $role (qw(transformer map)) {
		my @tries = grep { $_->{value} eq "do.$role=none" }
		    $function->{$role}->seen;

		is(scalar(@tries), 3, "$role: as often as its strategy says");
	}
	like((records($b, $dead, '%s %h'))[0],
	    qr/^do\.map=none .*forebay\.reason=the function answered no result/,
	    'the dead letter has the reason');
}, only => 'kafka';

body stage_bytes => 'bytes that no function can be shown', sub {
	my ($b) = @_;
	my $topic = $b->topic(1);
	my $copy = $b->topic(1, output => 1);
	my ($f, $function) = with_stages($b, $topic,
	    { kafka => { brokers => [$b->bootstrap], topic => $copy,
		setKey => JSON::PP::true } }, {},
	    transformer => ['sync', ''], map => ['sync', '']);

	put($b, $topic, "h=\xfe\x80", "k\xff");
	$f->start->await_caught_up;
	drain($f, $function);
	for my $role (qw(transformer map)) {
		my ($seen) = $function->{$role}->seen;

		is("$seen->{keys}[0] $seen->{headers}{h}",
		    "k\x{fffd} \x{fffd}\x{fffd}", "$role: mended for it");
	}
	is((records($b, $copy, '%k|%s|%h'))[0],
	    "k\xff|h=\xfe\x80|h=\xfe\x80",
	    'and as they were behind it');
}, only => 'kafka';

body stage_killed => 'the functions are killed under load', sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my ($f, $function) = with_stages($b, $topic, 'log', {},
	    transformer => ['sync', 'copies=2'], map => ['sync', 'copies=1']);

	$b->produce($topic, 6000);
	$f->start_ready(4);
	for my $n (1 .. 4) {
		my $who = $function->{$n % 2 ? 'transformer' : 'map'};

		wait_until { (() = slurp($f->{out}) =~ /\n/g) >= $n * 1000 }
		    'records arrive', 60;
		$who->kill;
		$who->start;
	}
	$f->await_caught_up;
	outcomes_ok($f, delivered => 6000);
	metrics_ok($f, forebay_worker_outputs_total => 12_000,
	    monovtx_sink_write_total => 12_000);
	drain($f, $function);
	in_order_ok(slurp($f->{out}), 6000, [qw(0/0 1/0)]);
};

sub exactly_once
{
	my ($b, $role, $mode) = @_;
	my $topic = $b->topic(2);
	my $copy = $b->topic(1, output => 1);
	my ($f, $function) = with_stages($b, $topic,
	    { kafka => { brokers => [$b->bootstrap], topic => $copy } },
	    { delivery => 'exactlyOnce',
		transaction => { maxRecords => 50 } },
	    $role => [$mode, 'copies=3']);

	$b->produce($topic, 3000);
	$f->start_ready(2);
	for (1 .. 2) {
		wait_until { $f->outcomes->{delivered} > 300 } 'records go on',
		    60;
		kill('KILL', ($f->worker_pids)[0]);
		# Some servers end with their client, in a pod with it.
		$function->{$role}->stop;
		$function->{$role}->start;
		wait_until { $f->outcomes->{delivered} > 300 } 'and again', 60;
	}
	$f->await_caught_up;
	drain($f, $function);
	my %n;

	$n{$_}++ for records($b, $copy, '%s');
	is(scalar(keys %n), 9000, 'all are there');
	is(scalar(grep { $_ != 1 } values %n), 0, 'none of them twice');
	return;
}

body stage_exactly_once => 'exactly once behind a transformer', sub {
	exactly_once($_[0], 'transformer', 'sync');
}, only => 'kafka';

body map_exactly_once => 'exactly once behind a map of batches', sub {
	exactly_once($_[0], 'map', 'batch');
}, only => 'kafka';

body stage_later => 'no drain waits for what a function wants in an hour', sub {
	my ($b) = @_;
	my $topic = $b->topic(1);
	my ($f, $function) = with_stages($b, $topic, 'log',
	    { drainTimeout => '60s' }, transformer => ['sync', '']);

	$f->edit(sub {
		$_[0]{source}{transformer} = { %$SECTION,
			retryStrategy => { backoff => { interval => '1h' } } };
	});
	$b->produce($topic, 20);
	put($b, $topic, 'do.transformer=nack');
	$b->produce($topic, 20);
	$f->start;
	wait_until { ($f->outcomes->{read} // 0) == 41 } 'all is read', 60;
	wait_until { $f->outcomes->{delivered} == 20 } 'and what comes first',
	    60;
	my $began = time;

	drain($f, $function);
	cmp_ok(time - $began, '<', patience(20), 'it goes at once');
	is($b->offsets($f->{group}, $topic)->[0]{committed}, 20,
	    'what is before it is committed, and it is not');
};

# The partition that it is in stands, and no other, until somebody decides.
body stage_held => 'a record that crashes the map, and no dead letters', sub {
	my ($b) = @_;
	my $topic = $b->topic(2);
	my ($f, $function) = with_stages($b, $topic, 'log',
	    { poisonPill => { kills => 2 }, progressTimeout => '2s' },
	    map => ['sync', '']);
	my $map = $function->{map};
	my $put = sub {
		my ($partition, $orders) = @_;

		run_ok(['sh', '-c', 'seq 10 | exec kcat -P -b "$1" -t "$2" ' .
		    '-p "$3" -H "do.map=$4"', 'sh', $b->bootstrap, $topic,
		    $partition, $orders], timeout => patience(60));
	};

	$put->($_, '') for 0, 1;
	run_ok(['sh', '-c', 'echo crash | exec kcat -P -b "$1" -t "$2" -p 1 ' .
	    '-H do.map=exit', 'sh', $b->bootstrap, $topic],
	    timeout => patience(60));
	$put->($_, '') for 0, 1;
	$f->start;
	for (1 .. 3) {
		wait_until { !$map->is_alive } 'it ends', 60;
		# It may end before it is seen to serve.
		unlink $map->info, $map->socket;
		$map->spawn_only;
	}
	is_soon { $f->outcomes->{delivered} == 30 }
	    'the other partition goes on, and what is before it', 60;
	$put->(0, '');
	is_soon { $f->outcomes->{delivered} == 40 } 'and on', 60;
	ok($map->is_alive, 'the function is left alone');
	is_soon { ($f->cli('status'))[1] =~ m{^ALARM,\ map:\ \Q$topic\E/1\ stands\ .*:
	    \ it\ has\ crashed\ the\ map\ each\ time;\ `forebay\ skip
	    \ \Q$topic\E/1\@10`\ goes\ on\ without\ it$}mx } 'status names it, and what to do';
	my ($status, $out, $err) = $f->cli('skip', "$topic/1\@10");

	is($status, 0, 'it is skipped by hand') or diag("$out$err");
	is_soon { $f->outcomes->{delivered} == 50 } 'then all goes on', 60;
	is_soon { ($f->cli('status'))[1] !~ /^ALARM/m } 'without an alarm';
	drain($f, $function);
};

body stage_crashes => 'a record that crashes the transformer', sub {
	my ($b) = @_;
	my $topic = $b->topic(1);
	my $dead = $b->topic(1, output => 1);
	my ($f, $function) = with_stages($b, $topic, 'log',
	    { deadLetter => { topic => $dead }, poisonPill => { kills => 2 } },
	    transformer => ['sync', '']);
	my $transformer = $function->{transformer};

	$b->produce($topic, 20);
	put($b, $topic, 'do.transformer=exit');
	$b->produce($topic, 20);
	$f->start;
	for (1 .. 3) {
		wait_until { !$transformer->is_alive } 'it ends', 60;
		# It may end before it is seen to serve.
		unlink $transformer->info, $transformer->socket;
		$transformer->spawn_only;
	}
	$f->await_caught_up;
	outcomes_ok($f, delivered => 40, dead_lettered => 1);
	metrics_ok($f, forebay_worker_outputs_total => 40,
	    monovtx_transformer_dropped_total => 0);
	drain($f, $function);
	like((records($b, $dead, '%h'))[0],
	    qr/forebay\.reason=it has crashed the transformer each time/,
	    'the transformer is named as the culprit');
}, only => 'kafka';

1;
