#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The command line and the control socket: what they answer, to whom, and
# what they say when nobody is there.
use strict;
use warnings;

use IO::Socket::UNIX;
use JSON::PP ();
use POSIX ();
use Test::More;

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

my $forebay = build_dir() . '/forebay';

# Send bytes to the control socket, read to the end.
sub ask
{
	my ($f, $bytes, %opt) = @_;
	my $sock = IO::Socket::UNIX->new(Peer => "$f->{run}/control")
	    // return undef;
	my $answer = '';

	local $SIG{PIPE} = 'IGNORE';
	local $SIG{ALRM} = sub { die "no answer\n" };
	alarm(patience(20));
	syswrite($sock, $bytes);
	shutdown($sock, 1) if $opt{shut};
	while (sysread($sock, my $buf, 65536)) {
		$answer .= $buf;
	}
	alarm(0);
	return $answer;
}

scenario 'the words of the command line' => sub {
	my ($status, $out, $err) = run([$forebay, 'help']);

	is($status, 0, 'help');
	like($out, qr/^  \Q$_\E +\w/m, "it lists $_")
	    for qw(run test dump status reload drain stop shm version help);
	for my $word ($out =~ /^  ([a-z]+) +[A-Z]/mg) {
		($status, $out) = run([$forebay, 'help', $word]);
		is($status, 0, "help $word");
		like($out, qr/^usage: forebay \[?$word\b/, 'has its usage');
	}
	for my $wrong (['bogus'], ['help', 'bogus'], ['--bogus'],
	    ['status', '--libexec', 'x'], ['test', 'x'], ['-c'],
	    ['shm', 'x', 'y']) {
		($status, $out, $err) = run([$forebay, @$wrong]);
		is($status, 2, "@$wrong: 2");
		isnt($err, '', 'and a word about it');
	}
	($status, $out) = run([$forebay, '-V']);
	like($out, qr/^forebay \d.*^librdkafka \d/ms, 'versions');
	($status, $out) = run([$forebay, 'version', '--json']);
	is(eval { JSON::PP::decode_json($out)->{forebay} },
	    (run_ok([$forebay, 'version']) =~ /^forebay (\S+)/)[0],
	    'the same as JSON');
};

scenario 'a manifest on the command line' => sub {
	my $dir = scratch();
	my $f = Test::Forebay->new(bootstrap => 'localhost:1', topic => 'x');
	my ($status, $out, $err) = run([$forebay, 'test', '-c', $f->{file}]);

	is($status, 0, 'test: good');
	is($out, "$f->{file}: ok\n", 'it says so');
	($status, $out) = run([$forebay, 'dump', '-c', $f->{file}]);
	is($status, 0, 'dump');
	spew("$dir/dump.yaml", $out);
	is((run([$forebay, 'test', '-c', "$dir/dump.yaml"]))[0], 0,
	    'what is dumped is a manifest');
	$f->edit(sub { $_[0]{source}{kafka}{topicx} = 'y' });
	for my $word (qw(test dump run)) {
		($status, $out, $err) = run([$forebay, $word, '-c',
		    $f->{file}]);
		is($status, 2, "$word: bad is 2");
		like($err, qr/^\Q$f->{file}\E:\d+:\d+: .*topicx/m,
		    'with its place');
	}
};

scenario 'nobody is there' => sub {
	my $f = Test::Forebay->new(bootstrap => 'localhost:1', topic => 'x');

	for my $word (qw(status reload drain stop reopen)) {
		my ($status, $out, $err) = $f->cli($word);

		is($status, 1, "$word: 1");
		is($err, "forebay: no master is running in $f->{run}\n",
		    'a sentence');
	}
	mkdir $f->{run};
	IO::Socket::UNIX->new(Local => "$f->{run}/control", Listen => 1)
	    ->close;
	like(($f->cli('status'))[2], qr/left over$/, 'a stale socket');
	is(($f->cli('shm'))[0], 1, 'shm: no ledger');
	spew("$f->{run}/ledger", 'x' x 5000);
	like(($f->cli('shm'))[2], qr/not a ledger/, 'shm: of no use');
};

my $broker = Test::Forebay::Mock->new;

scenario 'the socket' => sub {
	my $f = Test::Forebay->new(broker => $broker, topic => $broker->topic(2));

	mkdir $f->{run};
	IO::Socket::UNIX->new(Local => "$f->{run}/control", Listen => 1)
	    ->close;
	$f->start_ready(2);
	is((stat "$f->{run}/control")[2] & 0777, 0600, 'mode 0600');
	like(ask($f, "status\n"), qr/^\{"name":"demo".*\}\n\z/, 'status');
	like(ask($f, "status\r\n", shut => 1), qr/^\{"name":"demo"/,
	    'from a client that has closed its side');
	like(ask($f, "help\n"), qr/^status +\w.*^drain +\w/ms, 'help');
	like(ask($f, "bogus \xff\n"), qr/"ok":false.*no command \\"bogus/,
	    'an unknown word');
	like(ask($f, 'x' x 5000), qr/too long/, 'a line without end');
	is(ask($f, '', shut => 1), '', 'nothing at all');

	# More than may talk at a time.  Those that say nothing go first.
	my @idle = map { IO::Socket::UNIX->new(
	    Peer => "$f->{run}/control") } 1 .. 40;
	my ($status, $out, $err) = $f->cli('status');

	is($status, 0, 'one that asks is not kept out by 40 that do not')
	    or diag($err);
	my @said = map { sysread($_, my $line, 200); $line } @idle;

	is(scalar(grep { /no command came/ } @said), 40,
	    'all of them are heard, and sent away with a reason');
};

# All at a time; the first is under way when the others come.
scenario 'forty reloads' => sub {
	my $f = Test::Forebay->new(broker => $broker, topic => $broker->topic(1));

	$f->start_ready(1);
	$f->edit(sub { $_[1]{workers} = 2 });
	my $dir = scratch();
	my @pids = map { spawn([$forebay, 'reload', '-d', $f->{run}],
	    out => "$dir/out.$_", err => "$dir/err.$_") } 1 .. 40;
	my ($status) = $f->cli('status');

	is($status, 0, 'status is answered meanwhile');
	my @status = map { reap($_, 60) } @pids;

	is_deeply([grep { ($_ // -1) != 0 } @status], [], 'none is refused');
	is_deeply([map { slurp("$dir/err.$_") } 1 .. 40], [('') x 40],
	    'nor complains');
	like(slurp("$dir/out.$_"), qr/workers replaced|nothing has changed/,
	    "$_ has its result") for 1 .. 40;
	$f->drain;
};

scenario 'status --check' => sub {
	my $dir = scratch();
	my $f = Test::Forebay->new(broker => $broker, topic => $broker->topic(1),
	    host => { log => { file => "$dir/log" } });
	my ($status, $out, $err) = $f->cli('status', '--check');

	is($status, 3, 'no master: 3');
	is($out, "FOREBAY UNKNOWN - no master is running in $f->{run}\n",
	    'one line on standard output');
	is($err, '', 'and none elsewhere');
	is(($f->cli('status', @$_))[0], 3, "@$_: 3, not 2")
	    for ['--check', '--bogus'], ['--bogus', '--check'],
	    ['--check', 'x'];
	is(($f->cli('test', '--check'))[0], 3, 'where it is not known: 3');
	$f->start_ready(1);
	is_soon { (($status, $out, $err) = $f->cli('status', '--check'))[0] ==
	    0 } 'well: 0';
	like($out, qr/\AFOREBAY OK - demo is RUNNING \| lag=(\d+|U) .*alarms=0\n\z/,
	    'a line with figures');
	rename("$dir/log", "$dir/log.1") or die "rename: $!";
	mkdir("$dir/log") or die "mkdir: $!";
	$f->cli('reopen');
	($status, $out) = $f->cli('status', '--check');
	is($status, 1, 'an alarm: 1');
	like($out, qr/\AFOREBAY WARNING - .*; log: .*Is a directory.*\n\z/,
	    'it is named');
	($status, $out) = $f->cli('status', '--check', '--json');
	is($status, 1, 'as JSON: 1');
	is(eval { JSON::PP::decode_json($out)->{alarms}[0]{what} }, 'log',
	    'and the status');
	$f->signal('STOP');
	($status, $out) = $f->cli('status', '--check');
	$f->signal('CONT');
	is($status, 3, 'no answer: 3');
	like($out, qr/\AFOREBAY UNKNOWN - .*has not answered.*\n\z/,
	    'and why');
	$f->drain;
};

scenario 'status --check of one that is not ready' => sub {
	my $f = Test::Forebay->new(broker => $broker, topic => 'none-such',
	    no_ledger => 'there is no topic');
	my ($status, $out);

	$f->start;
	is_soon { ($status, $out) = $f->cli('status', '--check');
	    $out =~ /topic: / } 'an alarm';
	is($status, 2, 'it is critical');
	like($out, qr/\AFOREBAY CRITICAL - demo is RUNNING; topic: .*none-such/,
	    'and named');
	$f->stop;
};

scenario 'who may talk' => sub {
	my $f = Test::Forebay->new(broker => $broker, topic => $broker->topic(1));

	$> == 0 or return skip_for('not root', machine => 1);
	$f->start_ready(1);
	# As open as an administrator could make it by mistake.
	chmod 0755, $f->{dir}, $f->{run};
	chmod 0777, "$f->{run}/control";
	my $pid = fork // die "fork: $!";

	if (!$pid) {
		POSIX::setgid(65534);
		POSIX::setuid(65534);
		POSIX::_exit(ask($f, "status\n") eq '' ? 0 : 1);
	}
	is(reap($pid), 0, 'another user gets no answer');
	like($f->log_text, qr/user 65534 .*turned away/, 'the log has it');
};

scenario 'status, as text and as JSON' => sub {
	my $topic = $broker->topic(3);
	my $f = Test::Forebay->new(broker => $broker, topic => $topic,
	    sink => 'blackhole');

	$f->start_ready(3);
	$broker->produce($topic, 300);
	$f->await_caught_up;
	my $status;

	is_soon { (($status = $f->status)->{lag} // -1) == 0 &&
	    $status->{counters}{read} == 300 } 'all is counted';
	is($status->{state}, 'RUNNING', 'state');
	is($status->{pid}, $f->{pid}, 'pid');
	is($status->{manifest}{generation}, 1, 'generation');
	is($status->{group}{id}, $f->{group}, 'group');
	is(scalar @{$status->{partitions}}, 3, 'partitions');
	is(scalar @{$status->{workers}}, 2, 'workers');
	is_deeply($status->{alarms}, [], 'no trouble');
	for my $p (@{$status->{partitions}}) {
		is($p->{topic}, $topic, 'topic');
		is($p->{$_}, 100, "$_ of $p->{partition}")
		    for qw(position acked committed high read delivered);
		is($p->{lag}, 0, 'lag');
		is($p->{in_flight}, 0, 'nothing in flight');
		cmp_ok($p->{watermark}, '>', 1.6e12, 'watermark');
	}
	for my $w (@{$status->{workers}}) {
		is($w->{state}, 'READY', "worker $w->{slot}");
		cmp_ok($w->{rss_bytes}, '>', 1e6, 'memory');
		cmp_ok($w->{cpu_seconds}, '>', 0, 'CPU');
	}
	my (undef, $text) = $f->cli('status');

	like($text, qr/^demo  RUNNING/, 'as text');
	like($text, qr/^WORKER +PID .*\n( +\d+ +\d+ .*READY.*\n){2}/m,
	    'workers');
	like($text, qr/^TOPIC +PARTITION .*\n(\Q$topic\E +\d .*\n){3}/m,
	    'partitions');
	unlike($text, qr/\e/, 'no colours in a file');
	unlike($text, qr/ $/m, 'no blanks at the end of a line');
	my ($narrow) = (run([$f->command, 'status', '-d', $f->{run}],
	    env => { COLUMNS => 70 }))[1] =~ /^(TOPIC.*(?:\n.+)*)/m;

	cmp_ok(length, '<=', 70, 'narrow') for split /\n/, $narrow;
};

scenario 'reopen says what happened' => sub {
	my $dir = scratch();
	my $f = Test::Forebay->new(broker => $broker, topic => $broker->topic(1),
	    host => { log => { file => "$dir/log" } });

	$f->start_ready(1);
	rename("$dir/log", "$dir/log.1") or die "rename: $!";
	mkdir("$dir/log") or die "mkdir: $!";
	my ($status, $out, $err) = $f->cli('reopen');

	is($status, 1, 'a directory is in its place');
	like("$out$err", qr{\Q$dir\E/log: Is a directory; the old one is kept},
	    'and that is the result');
	my ($alarm) = grep { $_->{what} eq 'log' } @{$f->status->{alarms}};

	like($alarm->{text} // '', qr/Is a directory/, 'an alarm');
	rmdir("$dir/log") or die "rmdir: $!";
	($status, $out) = $f->cli('reopen');
	is($status, 0, 'then it can');
	like($out, qr/log reopened/, 'and says so');
	ok(-s "$dir/log", 'there is one');
	is_deeply([grep { $_->{what} eq 'log' } @{$f->status->{alarms}}], [],
	    'the alarm is over');
	$f->drain;
};

scenario 'reload, reopen, drain' => sub {
	my $f = Test::Forebay->new(broker => $broker, topic => $broker->topic(2));

	$f->start_ready(2);
	my ($status, $out, $err) = $f->cli('reopen');

	is($status, 1, 'reopen: there is no log file');
	like("$out$err", qr/there is no log\.file/, 'and that is said');
	($status, $out, $err) = run([$f->command, 'reload', '-c',
	    $f->{file}]);

	is($status, 0, 'reload, found by the manifest');
	# A broken manifest still says which master is meant.
	$f->edit(sub { $_[0]{source}{kafka}{topicx} = 'y' });
	($status, $out, $err) = run([$f->command, 'reload', '-c',
	    $f->{file}]);
	is($status, 1, 'a bad one is refused');
	like($err, qr/:\d+:\d+: .*topicx/, 'and where');
	like(($f->cli('status'))[1],
	    qr/^ALARM, reload: the last one was refused; /m,
	    'an alarm for as long as it is so');
	like(($f->cli('status'))[1], qr/^LAST RELOAD REFUSED: .*topicx/m,
	    'status remembers that');
	is($f->metric('forebay_reloads_total', result => 'refused'), 1,
	    'it is counted');
	($status, $out) = $f->cli('drain');
	is($status, 0, 'drain');
	like($out, qr/is committed/, 'with a result');
	ok(!pid_alive($f->{pid}), 'and the process is gone');
	is($f->await_exit, 0, 'with 0');
	ok(!-e "$f->{run}/control", 'so is the socket');
};

scenario 'stop' => sub {
	my $f = Test::Forebay->new(broker => $broker, topic => 'none-such');

	# Before it is a member of anything, too.
	$f->start;
	my ($status, $out) = $f->cli('stop', '--json');

	is($status, 0, 'stop');
	is(eval { JSON::PP::decode_json($out)->{ok} }, JSON::PP::true,
	    'as JSON');
	ok(!pid_alive($f->{pid}), 'the process is gone');
	is($f->await_exit, 0, 'with 0');
};

scenario 'the ledger of a killed master' => sub {
	my $topic = $broker->topic(2);
	my $f = Test::Forebay->new(broker => $broker, topic => $topic);

	$f->start_ready(2);
	$broker->produce($topic, 200);
	$f->await_caught_up;
	my $ledger = $f->ledger;

	ok($ledger->{alive}, 'the master is alive');
	is($ledger->{group}, $f->{group}, 'group');
	is_deeply([map { [@$_{qw(topic partition state acked)}] }
	    sort { $a->{partition} <=> $b->{partition} }
	    @{$ledger->{rows}}],
	    [map { [$topic, $_, 'HELD', 100] } 0, 1], 'rows');
	$f->kill_master;
	$ledger = $f->ledger;
	ok(!$ledger->{alive}, 'it is gone');
	is($_->{acked}, 100, 'what was acked is there')
	    for @{$ledger->{rows}};
	like((run([$forebay, 'shm', "$f->{run}/ledger"]))[1],
	    qr/^master +pid \d+, gone/m, 'as text');
	like(($f->cli('status'))[2], qr/left over$/, 'no status');
};

scenario 'a run directory with a long name' => sub {
	my $dir = scratch();
	my $f = Test::Forebay->new(broker => $broker, topic => $broker->topic(1),
	    dir => "$dir");
	my $long = "$f->{run}/" . 'x' x 120;

	$f->{run} = $long;
	$f->edit(sub { $_[1]{runDirectory} = $long });
	$f->start_ready(1);
	is($f->status->{run_dir}, $long, 'is no obstacle');
	is(($f->cli('drain'))[0], 0, 'drain');
	is($f->await_exit, 0, 'ends with 0');
};

done_testing();
