#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The command line without a daemon, and with one.
use strict;
use warnings;

use JSON::PP ();
use Test::More;

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

my $PROGRAM = Test::Forebay->command;

sub forebay { return run([$PROGRAM, @_]) }

scenario 'version and help' => sub {
	my ($status, $out) = forebay('version');

	is($status, 0, 'version');
	like($out, qr/^forebay \d+\.\d+\.\d+$/m, 'its own');
	like($out, qr/^librdkafka (\d+)\.(\d+)/m, "librdkafka's");
	($status, $out) = forebay('version', '--json');
	ok(eval { JSON::PP::decode_json($out)->{librdkafka} }, 'as JSON');
	($status, $out) = forebay('help');
	is($status, 0, 'help');
	for my $word (qw(run test dump status reload drain stop shm version)) {
		like($out, qr/^\s+$word\b/m, "help lists $word");
		is((forebay('help', $word))[0], 0, "help $word");
	}
};

scenario 'mistakes on the command line' => sub {
	for my $args (['nonsense'], ['--nonsense'], ['test', '-x'],
	    ['help', 'nonsense'], ['version', '-d', '/']) {
		my ($status, $out, $err) = forebay(@$args);

		is($status, 2, "@$args: exit status 2");
		like($err, qr/\S/, 'and a reason');
		is($out, '', 'nothing on standard output');
	}
};

scenario 'test and dump read a manifest' => sub {
	my $b = Test::Forebay::Mock->new;
	my $f = Test::Forebay->new(broker => $b, topic => 'orders',
	    config => { 'sasl.password' => 'sesame',
		'client.id' => 'visible' });
	my ($status, $out, $err) = forebay('test', '-c', $f->{file});

	is($status, 0, 'a good manifest') or diag($err);
	($status, $out) = forebay('dump', '-c', $f->{file});
	is($status, 0, 'dump');
	like($out, qr/visible/, 'it shows settings');
	unlike($out, qr/sesame/, 'and hides secrets');
	like($out, qr/readBatchSize: 500/, 'with defaults');
	# What it prints is a manifest again, but for the secret.
	spew("$f->{dir}/again.yaml", $out);
	($status, $out, $err) = forebay('test', '-c', "$f->{dir}/again.yaml");
	is($status, 0, 'the dump is a good manifest') or diag($err);

	$f->edit(sub { $_[0]{limits}{readBatchsize} = 5;
	    $_[1]{commitInterval} = 'often' });
	($status, $out, $err) = forebay('test', '-c', $f->{file});
	is($status, 2, 'a bad manifest: exit status 2');
	is(scalar(() = $err =~ /^\S+forebay\.yaml:\d+:\d+: /mg), 2,
	    'each mistake has its place');
	like($err, qr/readBatchSize/, 'the nearest name is suggested');
	is((forebay('run', '-c', $f->{file}))[0], 2, 'run refuses it, too');
};

scenario 'nobody is there' => sub {
	my $dir = scratch();

	for my $word (qw(status reload drain stop)) {
		my ($status, $out, $err) = forebay($word, '-d', "$dir");

		isnt($status, 0, "$word fails");
		like($err, qr/\Q$dir\E/, 'and names the directory');
	}
};

scenario 'status and shm show what is' => sub {
	my $b = Test::Forebay::Mock->new;
	my $topic = $b->topic(3);
	my $f = Test::Forebay->new(broker => $b, topic => $topic);

	$b->produce($topic, 300);
	$f->start_ready(3)->await_caught_up;
	is_soon { ($f->status->{lag} // -1) == 0 } 'lag 0';

	my $status = $f->status;

	is($status->{name}, 'demo', 'name');
	is($status->{pid}, $f->{pid}, 'pid');
	is($status->{state}, 'RUNNING', 'state');
	is($status->{group}{id}, $f->{group}, 'group');
	is(scalar @{$status->{workers}}, 2, 'two workers');
	is($status->{counters}{delivered}, 300, 'all are delivered');
	my $rows = $f->partitions;

	is(scalar keys %$rows, 3, 'three partitions');
	is($rows->{"$topic/0"}{$_}, 100, "$_ of the first is 100")
	    for qw(position acked committed high);

	my ($code, $text) = $f->cli('status');

	is($code, 0, 'as text');
	like($text, qr/^\s*$topic\s+2\s/m, 'a line for each partition');
	like($text, qr/^\s*\d+\s+$_\s/m, "a line for worker $_")
	    for $f->worker_pids;
	# By the manifest instead of the directory.
	is((forebay('status', '-c', $f->{file}))[0], 0, 'found by -c');

	my $ledger = $f->ledger;

	is(scalar @{$ledger->{rows}}, 3, 'the ledger has three rows');
	is($ledger->{rows}[0]{acked}, 100, 'with what is acked');
	is($ledger->{master_pid}, $f->{pid}, 'and who its master is');
	$f->kill_master;
	wait_until { !pids_in($f->{dir}) } 'the workers are gone';
	($code, $text) = $f->cli('shm');
	is($code, 0, 'it can be read after the death');
	like($text, qr/^\s*\d+\s+$topic\s+2\s/m, 'with all partitions');
	isnt(($f->cli('status'))[0], 0, 'status cannot');
};

scenario 'drain and stop' => sub {
	my $b = Test::Forebay::Mock->new;
	my $topic = $b->topic(2);
	my $f = Test::Forebay->new(broker => $b, topic => $topic);

	$f->start_ready(2);
	$b->produce($topic, 2000);
	$f->await_caught_up;
	is(($f->cli('drain'))[0], 0, 'drain');
	is($f->await_exit, 0, 'it has drained and is gone');
	$b->caught_up_ok($f->{group}, $topic);
	$f->start_ready(2);
	is(($f->cli('stop'))[0], 0, 'stop');
	is($f->await_exit, 0, 'it is gone');
	$f->delivered_ok(produced => 2000);
};

scenario 'a second master for the same directory is refused' => sub {
	my $b = Test::Forebay::Mock->new;
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(1));

	$f->start_ready(1);
	my ($status, $out, $err) = run([$PROGRAM, '-c', $f->{file}],
	    timeout => patience(20));

	isnt($status, 0, 'it exits');
	isnt($status, 124, 'by itself');
	like($err, qr/\b$f->{pid}\b|another|already|run/i, 'with a reason');
	ok($f->status, 'the first one is well');
};

scenario 'the control socket is private' => sub {
	return skip_for('not root, and so no other user', machine => 1)
	    if $> != 0;
	my $b = Test::Forebay::Mock->new;
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(1));

	$f->start_ready(1);
	# Even if the permissions let somebody in, who asks is looked at.
	chmod(0755, "$f->{dir}", $f->{run});
	chmod(0777, "$f->{run}/control");
	my ($status) = run(['setpriv', '--reuid=65534', '--regid=65534',
	    '--clear-groups', $PROGRAM, 'status', '-d', $f->{run}]);

	isnt($status, 0, 'another user is turned away');
	isnt($status, 127, '(by us)');
	is(($f->cli('status'))[0], 0, 'root is not');
};

done_testing();
