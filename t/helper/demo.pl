#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# `make demo`: forebay at work on the embedded broker, a worker killed and the
# manifest changed in the middle, and a verdict at the end, which is the exit
# status.
#
# Progress is shown in place on a terminal, as plain lines elsewhere.  The mock
# cluster keeps about 5 MB of a partition; all that is produced here fits.
use strict;
use warnings;

use JSON::PP ();
use POSIX qw(strftime);
use Time::HiRes qw(sleep time);

use Test::Forebay::Mock;
use Test::Forebay::Util;

my $PARTITIONS = 8;
my $RATE = 15_000;		# records per second
my $SECONDS = 14;
my $KILL_AT = 4;
my $RELOAD_AT = 8;

my $terminal = -t STDOUT;
my $start = time;
my $drawn = 0;			# lines of progress on the screen
my ($master, $dir, $broker, $producer);
my @faults;

$| = 1;
$SIG{INT} = $SIG{TERM} = sub { die "interrupted\n" };
binmode(STDOUT, ':utf8');

# ---- saying --------------------------------------------------------------

sub commas
{
	my ($n) = @_;

	1 while $n =~ s/^(-?\d+)(\d{3})/$1,$2/;
	return $n;
}

sub plural
{
	my ($n, $what) = @_;

	return commas($n) . " $what" . ($n == 1 ? '' : 's');
}

# Take the progress off the screen, so that a sentence can stand there.
sub clear
{
	print "\e[${drawn}A\e[J" if $drawn;
	$drawn = 0;
	return;
}

sub say_now
{
	my ($text) = @_;

	clear();
	printf "%5.1f s  %s\n", time - $start, $text;
	return;
}

sub fault
{
	my ($text) = @_;

	push @faults, $text;
	say_now("NOT AS IT SHOULD BE: $text");
	return;
}

# ---- forebay -------------------------------------------------------------

sub status
{
	my ($code, $out) = run([build_dir() . '/forebay', 'status', '--json',
	    '-d', "$dir/run"]);

	return $code ? undef : eval { JSON::PP::decode_json($out) };
}

sub held
{
	my ($s) = @_;

	return scalar grep { $_->{state} eq 'HELD' } @{$s->{partitions}};
}

sub workers { return grep { $_->{pid} } @{$_[0]->{workers}} }

sub await
{
	my ($what, $code) = @_;

	return wait_until {
		die "forebay is gone:\n" . slurp("$dir/log")
		    unless pid_alive($master);
		my $s = status() // return 0;

		progress($s);
		return $code->($s) ? $s : 0;
	} $what, 30;
}

# The example, with the addresses of this machine and moment.
sub write_manifest
{
	my (%change) = @_;
	my $text = slurp(source_dir() . '/conf/examples/demo.yaml');
	my $bootstrap = $broker->bootstrap;

	$text =~ s/^(\s*brokers:).*/$1 ["$bootstrap"]/m or die 'brokers';
	$text =~ s/^(\s*runDirectory:).*/$1 $dir\/run/m or die 'run directory';
	for my $name (keys %change) {
		$text =~ s/\b$name: \w+/$name: $change{$name}/ or die $name;
	}
	spew("$dir/demo.yaml", $text);
	return;
}

# ---- progress ------------------------------------------------------------

my $plain_at = 0;

sub progress
{
	my ($s) = @_;
	my %lag;

	for my $p (@{$s->{partitions}}) {
		$lag{$p->{holder} // ''} += $p->{lag} // 0;
	}
	my $delivered = $s->{counters}{delivered};
	my $watermark = defined $s->{watermark} ?
	    strftime('%H:%M:%S', localtime($s->{watermark} / 1000)) .
	    sprintf(' (%.1f s ago)', time - $s->{watermark} / 1000) : '-';

	if (!$terminal) {
		return if time < $plain_at;
		$plain_at = time + 2;
		say_now(sprintf '%s delivered, %s records/s, lag %s '
		    . '(by worker: %s), watermark %s', commas($delivered),
		    commas(int $s->{records_per_s}),
		    commas($s->{lag} // 0), join(', ', map {
			"$_->{slot}: " . ($lag{$_->{slot}} // 0)
		    } workers($s)) || '-', $watermark);
		return;
	}
	clear();
	my @lines = ('',
	    sprintf('   %-8s %8s %4s %11s %12s %10s', 'worker', 'pid', 'CPU',
	    'partitions', 'records/s', 'lag'));

	push @lines, sprintf('   %-8s %8s %4s %11d %12s %10s', $_->{slot},
	    $_->{pid}, $_->{cpu} // '-', $_->{partitions},
	    commas(int $_->{records_per_s}),
	    commas($lag{$_->{slot}} // 0)) for workers($s);
	push @lines, sprintf('   %-8s %8s %4s %11d %12s %10s', 'all', '', '',
	    held($s), commas(int $s->{records_per_s}),
	    commas($s->{lag} // 0));
	push @lines, '   ' . commas($delivered) . ' delivered, watermark '
	    . $watermark, '';
	print map { "$_\n" } @lines;
	$drawn = @lines;
	return;
}

sub watch_until
{
	my ($seconds) = @_;

	while (time < $start + $seconds) {
		await('it answers', sub { 1 });
		sleep 0.2;
	}
	return;
}

# ---- the story -----------------------------------------------------------

sub start_all
{
	$broker = Test::Forebay::Mock->new;
	$broker->topic($PARTITIONS, name => 'demo');
	$dir = scratch();
	write_manifest();
	say_now("a mock Kafka with $PARTITIONS partitions listens at "
	    . $broker->bootstrap);
	$master = spawn([build_dir() . '/forebay', '-c', "$dir/demo.yaml"],
	    out => "$dir/records", err => "$dir/log");
	my $s = await('forebay holds all partitions',
	    sub { held($_[0]) == $PARTITIONS });

	say_now("forebay runs conf/examples/demo.yaml (pid $master, workers "
	    . join(', ', map { $_->{pid} } workers($s))
	    . ') and holds all of them');
	$producer = $broker->producer('demo', rate => $RATE);
	say_now('a producer writes ' . commas($RATE)
	    . ' records per second, for a while');
	return $s->{group}{generation};
}

sub kill_worker
{
	my ($generation) = @_;
	my ($victim, @others) = workers(status());
	my $at = time;

	say_now("kill -9 of worker $victim->{slot} (pid $victim->{pid}), "
	    . 'which holds '
	    . plural($victim->{partitions}, 'partition'));
	kill('KILL', $victim->{pid});
	my $s = await('a new worker has taken over', sub {
		my ($now) = @_;

		my @ready = grep { $_->{state} eq 'READY' } workers($now);

		return held($now) == $PARTITIONS && @ready == @others + 1 &&
		    !grep { $_->{pid} == $victim->{pid} } @ready;
	});

	say_now(sprintf 'a new worker is there and all partitions are held '
	    . 'again, after %.1f s', time - $at);
	say_now('Kafka has not noticed: the group is still in generation '
	    . $s->{group}{generation});
	fault('the group has rebalanced')
	    if $s->{group}{generation} != $generation;
	return;
}

sub change_manifest
{
	my ($generation) = @_;
	my %old = map { $_->{pid} => 1 } workers(status());

	write_manifest(readBatchSize => 250, budget => '32MiB');
	say_now('SIGHUP with a changed manifest: readBatchSize 500 -> 250, '
	    . 'memory budget 64 -> 32 MiB');
	kill('HUP', $master);
	my $s = await('the new manifest is in force', sub {
		my ($now) = @_;

		return $now->{manifest}{generation} == 2 &&
		    $now->{manifest}{reload} eq 'IDLE' &&
		    held($now) == $PARTITIONS;
	});

	say_now('the workers were replaced one by one (now '
	    . join(', ', map { $_->{pid} } workers($s))
	    . '), nobody left the group: still generation '
	    . $s->{group}{generation});
	fault('a worker is an old one') if grep { $old{$_->{pid}} } workers($s);
	fault('the group has rebalanced')
	    if $s->{group}{generation} != $generation;
	return;
}

sub finish
{
	$producer->close;
	say_now('the producer has stopped');
	await('the group has committed the end of the log', sub {
		return $broker->is_caught_up('demo-forebay', 'demo');
	});
	say_now('nothing is left to read; forebay is told to drain '
	    . '(SIGQUIT)');
	kill('QUIT', $master);
	my $code = reap($master, 30);

	undef $master;
	fault('forebay did not exit with 0')
	    unless defined $code && $code == 0;
	if ($broker->is_caught_up('demo-forebay', 'demo')) {
		say_now('it has, and is gone: the committed offset is the '
		    . "end of the log in all $PARTITIONS partitions");
	} else {
		fault('committed offset and end of the log differ');
	}
	fault('there is a line at crit in the log')
	    if slurp("$dir/log") =~ / crit /;
	return;
}

sub verdict
{
	my $v = $broker->verify(logs => ["$dir/records"]);

	fault("verifier: $v->{text}") if $v->{status};
	fault("$_: $v->{$_}") for grep { $v->{$_} } qw(reordered foreign);
	printf "\nverdict: produced %s, delivered %s, lost %s, repeated %s\n",
	    map { commas($v->{$_}) } qw(produced delivered lost repeated);
	print $v->{repeated}
	    ? "(repeated: what the killed worker had written and not yet "
	    . "acknowledged)\n" : '';
	print @faults ? 'NOT GOOD: ' . join('; ', @faults) . "\n"
	    : "good: nothing is lost.\n";
	return @faults ? 1 : 0;
}

my $exit = eval {
	my $generation = start_all();

	watch_until($KILL_AT);
	kill_worker($generation);
	watch_until($RELOAD_AT);
	change_manifest($generation);
	watch_until($SECONDS);
	finish();
	return verdict();
};

unless (defined $exit) {
	clear();
	print "demo: $@";
	print 'the log: ', slurp("$dir/log") if $dir;
	$exit = 2;
}
kill_pid($master) if $master;
if ($dir) {
	wait_until { !pids_in($dir) } 'all are gone';
}
undef $producer;
undef $broker;
exit $exit;
