#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# `forebay compare`, on a real broker, also with t/interop/worker.py, and with
# Numaflow's own data plane if FOREBAY_NUMAFLOW_RS is its path.  c2 is a
# stand-in for that (Test::Forebay::Foreign).
use strict;
use warnings;

use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep);

use Test::Forebay;
use Test::Forebay::Foreign;
use Test::Forebay::Kafka;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $RECORDS = 3000;
my $PARTITIONS = 3;
my $broker = Test::Forebay::Kafka->shared;
my @METRICS = qw(recordsPerSecond cpuSecondsPerMillion peakRssBytes threads
    voluntarySwitchesPerMillion involuntarySwitchesPerMillion firstRecordMs);
my @LATENCY = qw(latencyP50Ms latencyP99Ms latencyP999Ms);

# A manifest, its topic filled, and its group with an offset of its own.
sub prepare
{
	my ($dir, %opt) = @_;
	my $topic = $broker->topic($PARTITIONS);
	my $records = delete $opt{records} // $RECORDS;
	my $runtimes = delete $opt{runtimes} // {};
	my $f = Test::Forebay->new(broker => $broker, topic => $topic,
	    workers => 1, host => { runtimes => {
		%{Test::Forebay::python_runtime()},
		c2 => { command => [Test::Forebay::Foreign::program($dir)] },
		gone => { command => ["$dir/gone"] },
		ends => { command => ['/bin/false'] }, %$runtimes } }, %opt);

	$f->{finished} = 1;	# nothing is started by it
	$broker->produce($topic, $records);
	return $f;
}

sub compare
{
	my ($f, $dir, @args) = @_;

	return run([build_dir() . '/forebay', 'compare', '-c', $f->{file},
	    @args], env => { TMPDIR => $dir }, timeout => patience(300));
}

# All groups and topics that comparisons of this manifest have made.
sub left_over
{
	my ($f) = @_;

	return grep { /^group \Q$f->{group}\E-compare-|^topic forebay-compare-/ }
	    split /\n/, $broker->tool_ok('list');
}

sub nothing_left
{
	my ($f, $dir) = @_;

	# A broker that has deleted a topic may name it for a moment.
	is_soon { !left_over($f) } 'no group and no topic is left' or
	    diag(join(' ', left_over($f)));
	is(join(' ', glob("$dir/forebay-compare-*")), '', 'and no file');
	return;
}

# Elements open and close in order; what XML wants, without a parser.
sub is_well_formed
{
	my ($html) = @_;
	my @open;

	$html =~ s/^<!DOCTYPE html>//;
	$html =~ s{<style>.*?</style>}{}s;
	$html =~ s{<!--.*?-->}{}gs;
	while ($html =~ m{<(/?)([a-z0-9]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(/?)>
	    |(<)|&(?!(?:lt|gt|amp|quot|\#\d+);)(.{10})}gsx) {
		my ($close, $name, undef, $empty, $stray, $amp) =
		    ($1, $2, $3, $4, $5, $6);
		return "stray < at " . pos($html) if defined $stray;
		return "stray & before $amp" if defined $amp;
		next if $empty;
		if (!$close) {
			push @open, $name;
			next;
		}
		my $last = pop(@open) // 'nothing';
		return "$name closes $last" if $last ne $name;
	}
	return @open ? "open at the end: @open" : '';
}

scenario('two runtimes by turns' => sub {
	my $dir = scratch();
	my $f = prepare($dir);
	my $before = $broker->offsets($f->{group}, $f->{topics}[0]);
	my ($status, $out, $err) = compare($f, $dir, '--runtimes', 'c,c2',
	    '--rounds', 2, '--create', '--latency', '1s', '--json', '--html',
	    "$dir/page.html");

	is($status, 0, 'exit status') or diag($err);
	my $o = eval { JSON::PP->new->decode($out) };
	ok($o, 'JSON') or return diag($out);
	is($o->{rounds}, 2, 'rounds');
	is($o->{sink}, 'blackhole', 'nothing is written');
	is(scalar @{$o->{cases}}, 1, 'one case');
	my @runtimes = @{$o->{cases}[0]{runtimes}};
	is(join(' ', map { $_->{name} } @runtimes), 'c c2', 'runtimes');
	for my $rt (@runtimes) {
		my @runs = @{$rt->{runs}};

		is(scalar @runs, 2, "$rt->{name}: two runs");
		is(scalar(grep { $_->{records} == $RECORDS } @runs), 2,
		    'each has read all');
		for my $name (@METRICS, @LATENCY) {
			my $s = $rt->{summary}{$name};

			ok($s && $s->{min} <= $s->{median} &&
			    $s->{median} <= $s->{max}, "$rt->{name}: $name");
		}
		cmp_ok($rt->{summary}{$_}{min}, '>', 0, "$_ > 0")
		    for qw(recordsPerSecond cpuSecondsPerMillion peakRssBytes
		    threads firstRecordMs latencyP50Ms);
		cmp_ok($rt->{summary}{latencyP50Ms}{max}, '<=',
		    $rt->{summary}{latencyP999Ms}{max}, 'percentiles');
	}
	# Another master beside ours: its processes count, too.
	cmp_ok($runtimes[1]{summary}{threads}{median}, '>',
	    $runtimes[0]{summary}{threads}{median},
	    'the whole tree is looked at');
	my @order = $err =~ /^\d+\/8 (\w+), round (\d)/mg;
	is("@order", 'c 1 c 1 c2 1 c2 1 c 2 c 2 c2 2 c2 2', 'by turns');

	my $html = slurp("$dir/page.html");
	is(is_well_formed($html), '', 'the page is well-formed');
	unlike($html, qr{https?://|<script|<link|<img|url\(|\@import}i,
	    'and wants nothing from elsewhere');
	like($html, qr{<polyline[^>]*points="[\d.]+,}, 'with curves');
	is(scalar(() = $html =~ /<svg/g), @METRICS + @LATENCY + 2, 'and bars');

	is_deeply($broker->offsets($f->{group}, $f->{topics}[0]), $before,
	    'the group is as it was');
	ok(!grep({ $_ eq "group $f->{group}" } split /\n/,
	    $broker->tool_ok('list')), 'and was not made');
	nothing_left($f, $dir);
});

# All figures of each case and runtime; the JSON.
sub has_figures
{
	my ($out, $cases, @names) = @_;
	my $o = eval { JSON::PP->new->decode($out) };

	ok($o, 'JSON') or return diag($out);
	is(scalar @{$o->{cases}}, $cases, 'cases');
	for my $case (@{$o->{cases}}) {
		my @runtimes = @{$case->{runtimes}};

		is(join(' ', map { $_->{name} } @runtimes), "@names",
		    "$case->{mode}: runtimes");
		for my $rt (@runtimes) {
			my @none = grep { !$rt->{summary}{$_} ||
			    $rt->{summary}{$_}{median} <= 0 } qw(recordsPerSecond peakRssBytes
			    cpuSecondsPerMillion threads firstRecordMs),
			    @LATENCY;

			is("@none", '', "$case->{mode}, $rt->{name}: figures");
		}
	}
	return $o;
}

scenario('workers in C and in Python, by turns' => sub {
	if (my $why = Test::Forebay::no_python()) {
		return skip_for($why);
	}
	my $dir = scratch();
	my $f = prepare($dir);
	my ($status, $out, $err) = compare($f, $dir, '--runtimes', 'c,python',
	    '--rounds', 2, '--create', '--latency', '500ms', '--json',
	    '--mode', 'batch,single', '--size', 100, '--records', 1000);

	is($status, 0, 'exit status') or diag($err);
	has_figures($out, 2, qw(c python));
	my @order = $err =~ /^\d+\/16 (\w+), round (\d), (?!latency)/mg;
	is("@order", 'c 1 python 1 c 2 python 2 c 1 python 1 c 2 python 2',
	    'by turns');
	nothing_left($f, $dir);
});

scenario('for a time, with the bar on a terminal' => sub {
	if (my $why = Test::Forebay::no_python()) {
		return skip_for($why);
	}
	my $dir = scratch();
	my $f = prepare($dir, records => 300_000);
	my $command = join(' ', build_dir() . '/forebay', 'compare', '-c',
	    $f->{file}, qw(--runtimes python --rounds 1 --for 2s --json),
	    ">$dir/json");
	my ($status, $bar) = run(['script', '-qefc', $command, '/dev/null'],
	    env => { TMPDIR => $dir, TERM => 'xterm' },
	    timeout => patience(120));

	is($status, 0, 'exit status') or diag($bar);
	like($bar, qr/\r\[#* *\] +\d+%  left [\d.]+s  python, round 1, /,
	    'a bar, how long it will, and what it does');
	my $o = eval { JSON::PP->new->decode(slurp("$dir/json")) };
	my $run = $o->{cases}[0]{runtimes}[0]{runs}[0];

	cmp_ok($run->{ms}, '>=', 2000, 'it ends after its time');
	cmp_ok($run->{ms}, '<', patience(15_000), 'and not much later');
	cmp_ok($run->{records}, '<', 300_000, 'though there are more');
	nothing_left($f, $dir);
});

scenario('what streams is compared as such' => sub {
	my $dir = scratch();
	my $f = prepare($dir, spec => { streaming => JSON::PP::true() });
	my ($status, $out, $err) = compare($f, $dir, '--runtimes', 'c',
	    '--rounds', 1, '--json');
	my $o = eval { JSON::PP->new->decode($out) };

	is($status, 0, 'exit status') or diag($err);
	is($o->{cases}[0]{mode}, 'streaming', 'the mode');
	is($o->{cases}[0]{batch}, 1, 'one record is handed on at a time');
	($status, $out, $err) = compare($f, $dir, '--runtimes', 'c,c2');
	is($status, 1, 'Numaflow cannot');
	like($err, qr/c2 cannot run this manifest:\n.*Numaflow refuses/s,
	    'and that is said before anything starts');
	nothing_left($f, $dir);
});

# Numaflow's own data plane, where somebody has it.
scenario('beside the stock numaflow-rs' => sub {
	my $program = $ENV{FOREBAY_NUMAFLOW_RS} or return skip_for(
	    'FOREBAY_NUMAFLOW_RS says no path of a numaflow-rs',
	    machine => 1);
	my $dir = scratch();
	my $f = prepare($dir, runtimes => { rust => {
	    command => [$program, 'processor'] } });
	my ($status, $out, $err) = compare($f, $dir, '--runtimes', 'c,rust',
	    '--rounds', 2, '--create', '--latency', '1s', '--json',
	    '--mode', 'batch,single', '--size', 100, '--records', 1000);

	is($status, 0, 'exit status') or diag($err);
	has_figures($out, 2, qw(c rust));
	nothing_left($f, $dir);
});

scenario('modes and sizes, as a table' => sub {
	my $dir = scratch();
	my $f = prepare($dir);
	my ($status, $out, $err) = compare($f, $dir, '--runtimes', 'c',
	    '--rounds', 1, '--create', '--latency', '500ms', '--records', 500,
	    '--mode', 'batch,single', '--size', '100,1KiB');

	is($status, 0, 'exit status') or diag($err);
	my @cases = $out =~ /^(.*, records of \d+ bytes):$/mg;
	is_deeply(\@cases, ['batches of 500, records of 100 bytes',
	    'one record at a time, records of 100 bytes',
	    'batches of 500, records of 1024 bytes',
	    'one record at a time, records of 1024 bytes'], 'cases');
	is(scalar(() = $out =~ /^records\/s +[\d.]+/mg), 4, 'each with a rate');
	like($out, qr/^ +c: min +median +max$/m, 'least, median, most');
	like($out, qr/^latency p99, ms +[\d.]+/m, 'latency');
	like($out, qr/less than 2 s/, 'short runs are said to be coarse');
	like($out, qr/p99\.9 is that of the slowest/, 'and few latencies');
	like($out, qr/^peak memory \(RSS\) +\d+MiB/m, 'bytes have a unit');
	nothing_left($f, $dir);
});

scenario('sinks are not written, unless asked' => sub {
	my $dir = scratch();
	my $output = $broker->topic(1, output => 1);
	my $f = prepare($dir, sink => { kafka => { setKey => JSON::PP::true(),
	    brokers => [$broker->bootstrap], topic => $output } });
	my $written = sub {
		return $broker->offsets('none', $output)->[0]{end};
	};
	my @args = ('--runtimes', 'c', '--rounds', 1);
	my ($status, $out, $err) = compare($f, $dir, @args);

	is($status, 0, 'without --sink') or diag($err);
	is($written->(), 0, 'nothing is written');
	like($out, qr/sink blackhole/, 'and the table says so');
	($status, $out, $err) = compare($f, $dir, @args, '--sink', 'as-is');
	is($status, 0, 'with --sink as-is') or diag($err);
	is($written->(), $RECORDS, 'all is written');
	($status, $out, $err) = compare($f, $dir, @args, '--sink', 'kafka');
	is($status, 2, 'another word is refused');
	nothing_left($f, $dir);
});

scenario('what cannot run is said' => sub {
	my $dir = scratch();
	my $f = prepare($dir);
	my ($status, $out, $err) = compare($f, $dir, '--runtimes', 'c,gone');

	is($status, 1, 'a program that is not there');
	is($err, "forebay: runtime gone cannot run: $dir/gone: No such file or "
	    . "directory\n", 'is said before anything starts');
	($status, $out, $err) = compare($f, $dir, '--runtimes', 'nobody');
	is($status, 1, 'a name that is not known');
	like($err, qr/runtime nobody cannot run.*found "nobody", known are /s,
	    'is told with those that are');
	($status, $out, $err) = compare($f, $dir, '--size', '100');
	like($err, qr/--create/, 'no topic is made without leave');
	($status, $out, $err) = compare($f, $dir, '--runtimes', 'ends,c',
	    '--rounds', 2);
	is($status, 1, 'one that ends at once');
	like($err, qr/^forebay: runtime ends: the program of runtime ends has/m,
	    'is told');
	like($out, qr/^records\/s +- +- +- +\d/m, 'the other goes on');
	like($out, qr/^ends, round 1, failed: /m, 'and the table says why');
	nothing_left($f, $dir);
});

scenario('interrupted' => sub {
	my $dir = scratch();
	my $f = prepare($dir);

	for my $signal (qw(INT TERM)) {
		my $pid = spawn([build_dir() . '/forebay', 'compare', '-c',
		    $f->{file}, '--runtimes', 'c2,c', '--rounds', 1000,
		    '--create'], env => { TMPDIR => $dir }, out => "$dir/out",
		    err => "$dir/err");

		# In the middle of the second run, which waits for lines.
		is_soon {
			my @there =
			    glob("$dir/forebay-compare-*/2/run/control");

			my $left = join(' ', left_over($f));

			return @there && $left =~ /\bgroup / &&
			    $left =~ /\btopic /;
		} 'it runs';
		kill($signal, $pid);
		my $status = reap($pid, patience(60));
		is(($status // 0) >> 8, $signal eq 'INT' ? 130 : 143,
		    "$signal ends it");
		like(slurp("$dir/err"), qr/interrupted/, 'and it says so');
		nothing_left($f, $dir);
		is(join(' ', pids_in($dir)), '', 'no process is left');
	}
});

# The group stays; no process does.
scenario('killed' => sub {
	my $dir = scratch();
	my $f = prepare($dir);
	my $pid = spawn([build_dir() . '/forebay', 'compare', '-c', $f->{file},
	    '--runtimes', 'c2', '--rounds', 1000], env => { TMPDIR => $dir },
	    out => "$dir/out", err => "$dir/err");

	is_soon {
		my @there = glob("$dir/forebay-compare-*/*/run/control");

		return scalar @there;
	} 'it runs';
	my @pids = pids_in($dir);
	cmp_ok(scalar @pids, '>', 1, 'processes are there');
	kill_pid($pid);
	is_soon { @pids = pids_in($dir); return !@pids } 'they end';
});

done_testing();
