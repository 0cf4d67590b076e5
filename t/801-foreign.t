#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A runtime of the protocol numaflow on a real broker: what it is given, what
# is seen of it from outside, and what becomes of it when it ends.  The program
# is t/interop/numaflow.py, or the stock binary that FOREBAY_NUMAFLOW_RS names.
use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP ();
use Test::More;

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Util;

if (my $why = Test::Forebay::no_python()) {
	skip_for($why);
	done_testing();
	exit;
}
Test::Forebay::Kafka->need;
delete @ENV{qw(NUMAFLOW_RUNTIME FOREBAY_TEST_RUNTIME CREDENTIALS_DIRECTORY)};

my $broker = Test::Forebay::Kafka->shared;
my $PARTITIONS = 3;

# May we make mount namespaces?  Mount points are left on the machine, empty.
my $can_mount = (run(['unshare', '--mount', 'true']))[0] == 0;

sub free_port
{
	my $sock = IO::Socket::INET->new(LocalAddr => '0.0.0.0', Listen => 1,
	    Proto => 'tcp') or die "no port: $!";

	return $sock->sockport;
}

# The stand-in as the runtime `other`; its port is $f->{port}.
sub foreign
{
	my ($dir, %opt) = @_;
	my $port = free_port();
	my $runtime = { command => ['/usr/bin/python3',
		source_dir() . '/t/interop/numaflow.py'],
	    env => { STAND_IN_PORT => "$port", STAND_IN_TELL => "$dir/told",
		STAND_IN_EXIT => "$dir/exit" },
	    metrics => { port => $port },
	    %{delete $opt{more} // {}} };
	my $f = Test::Forebay->new(broker => $broker,
	    topic => $broker->topic($PARTITIONS), runtime => 'other', %opt,
	    host => { runtimes => { other => $runtime },
		%{$opt{host} // {}} });

	$f->{port} = $port;
	return $f;
}

sub told
{
	my ($dir, $replica) = @_;
	my $text = slurp("$dir/told." . ($replica // 0));

	return $text && JSON::PP->new->utf8->decode($text);
}

scenario 'what a pod gets' => sub {
	my ($dir, $secrets, $credentials) = (scratch(), scratch(), scratch());

	mkdir("$secrets/kafka") or die "mkdir: $!";
	spew("$secrets/kafka/user", $Test::Forebay::Kafka::USERS{PLAIN}[0]);
	# As systemd's LoadCredential has it.
	spew("$credentials/kafka.password",
	    "$Test::Forebay::Kafka::USERS{PLAIN}[1]\n");
	mkdir("$secrets/other") or die "mkdir: $!";
	spew("$secrets/other/key", 'not for it');
	my $f = foreign($dir, bootstrap => $broker->sasl_bootstrap,
	    env => { CREDENTIALS_DIRECTORY => "$credentials" },
	    kafka => { sasl => { mechanism => 'PLAIN', plain => {
		userSecret => { name => 'kafka', key => 'user' },
		passwordSecret => { name => 'kafka', key => 'password' },
		handshake => JSON::PP::true() } } },
	    host => { secretsDirectory => "$secrets" });

	$f->edit(sub { $_[0]{containerTemplate}{resources} = {
	    requests => { cpu => '1500m', memory => '128Mi' },
	    limits => { memory => '1Gi' } } });
	if (!$can_mount) {
		my ($status, undef, $err) = run([$f->command, 'test', '-c',
		    $f->{file}], env => $f->{env});

		is($status, 2, 'refused without the right to mount');
		like($err, qr{looks for it in /var/numaflow/secrets/kafka/user},
		    'in a sentence');
		return;
	}
	$f->start;
	is_soon { told($dir) } 'it is started';
	my $told = told($dir);

	is_deeply($told->{secrets}, {
	    'kafka/user' => $Test::Forebay::Kafka::USERS{PLAIN}[0],
	    'kafka/password' => "$Test::Forebay::Kafka::USERS{PLAIN}[1]\n" },
	    'the secrets that the manifest refers to, and no others');
	is_deeply([sort keys %{$told->{object}}], [qw(metadata spec)],
	    'the object is the MonoVertex alone');
	is($told->{object}{spec}{limits}{readBatchSize}, 500, 'with defaults');
	is($told->{env}{$_->[0]}, $_->[1], $_->[0]) for
	    ['NUMAFLOW_MONO_VERTEX_NAME', 'demo'], ['NUMAFLOW_REPLICA', 0],
	    ['NUMAFLOW_NAMESPACE', 'default'], ['NUMAFLOW_POD', 'demo-mv-0'],
	    ['NUMAFLOW_CPU_REQUEST', 2], ['NUMAFLOW_MEMORY_LIMIT', 1 << 30],
	    ['NUMAFLOW_MEMORY_REQUEST', 128 << 20],
	    ['NUMAFLOW_READ_AHEAD', 'false'], ['NUMAFLOW_RUNTIME', 'other'];
	$broker->produce($f->{topics}[0], 300);
	$f->await_caught_up;
	pass('and it logs in with them, reads and commits');
	ok(!-e '/var/numaflow/secrets/kafka', 'the machine does not see them');
	$f->stop;
};

# Root without the right, which is what the unit of systemd gives, too.
scenario 'without the right to mount' => sub {
	my @without = qw(setpriv --bounding-set -sys_admin);
	my ($dir, $secrets) = (scratch(), scratch());

	return skip_for('the right to mount cannot be given up',
	    machine => 1) if (run([@without, 'true']))[0];
	mkdir("$secrets/ca") or die "mkdir: $!";
	spew("$secrets/ca/crt", 'whose');
	my $f = foreign($dir, wrap => \@without, kafka => { tls => {
	    caCertSecret => { name => 'ca', key => 'crt' } } },
	    host => { secretsDirectory => "$secrets" });
	my ($status, undef, $err) = run([@without, $f->command, 'test', '-c',
	    $f->{file}]);

	is($status, 2, 'secrets elsewhere are refused');
	like($err, qr{^\S+:\d+:\d+:\ \S+caCertSecret:\ the\ runtime\ "other"\ looks\ for\ it\ in
	    \ /var/numaflow/secrets/ca/crt\ .*CAP_SYS_ADMIN$}x,
	    'in a sentence');
	is(($err =~ tr/\n//), 1, 'one');
	$f->edit(sub { delete $_[0]{source}{kafka}{tls} });
	$f->start;
	is_soon { told($dir) } 'without secrets it runs';
	like($f->log_text, qr/are the machine's, shared/, 'and says so');
	is((() = $f->log_text =~ /are the machine's/g), 1, 'once');
	unlink(map { "$_/mark-0" } '/var/run/numaflow',
	    '/var/numaflow/runtime');
	$f->stop;
};

scenario 'a secret that is missing is refused' => sub {
	my ($dir, $secrets) = (scratch(), scratch());
	my $f = foreign($dir, kafka => { tls => { caCertSecret =>
	    { name => 'ca', key => 'crt' } } },
	    host => { secretsDirectory => "$secrets" });
	my ($status, undef, $err) = run([$f->command, 'test', '-c',
	    $f->{file}]);

	is($status, 2, 'refused');
	like($err, qr{tls\.caCertSecret: there is no such secret}, 'with why');
};

scenario 'replicas have directories of their own' => sub {
	my $dir = scratch();
	my $f = foreign($dir, more => { replicas => 2 });

	$f->start;
	is_soon { told($dir, $_) } "replica $_ is started" for 0, 1;
	if (!$can_mount) {
		like($f->log_text, qr/are the machine's, shared/,
		    'without the right to mount that is said');
		$f->stop;
		return;
	}
	isnt(told($dir, 0)->{mnt}, told($dir, 1)->{mnt}, 'two namespaces');
	is_deeply(told($dir, $_)->{run}, [], 'nothing of the other in run')
	    for 0, 1;
	for my $n (0, 1) {
		ok(-e "$f->{run}/pods/other-$n/$_/mark-$n",
		    "what $n makes in $_ can be found") for qw(run runtime);
	}
	ok(!-e "/var/run/numaflow/mark-$_", 'and not in the machine\'s')
	    for 0, 1;
	$f->stop;
};

# As with our own workers, for status, JSON and metrics.
scenario 'what is seen while it runs' => sub {
	my $dir = scratch();
	my $f = foreign($dir);
	my $topic = $f->{topics}[0];

	$broker->produce($topic, 900);
	$f->start;
	is_soon { ($f->metric('forebay_lag') // -1) == 0 } 'the lag goes to 0';
	my $parts = $f->partitions;

	is_deeply([sort keys %$parts], [map { "$topic/$_" } 0 .. 2],
	    'all partitions are there');
	is($parts->{$_}{lag}, 0, "$_: the lag") for sort keys %$parts;
	is($parts->{"$topic/0"}{committed}, $parts->{"$topic/0"}{high},
	    'and what is committed is the end');
	is($parts->{"$topic/0"}{acked}, undef, 'what is not known is null');
	is($f->status->{lag}, 0, 'lag of all');
	is($f->metric('forebay_partition_lag', partition => 2), 0,
	    'the metric of one');
	is($f->metric('forebay_partition_committed'), 900, 'and of offsets');
	is($f->metric('monovtx_pending_raw'), 0, "Numaflow's name");
	like(($f->cli('status'))[1], qr/lag 0\n.*COMMITTED.*\n\Q$topic\E +0 /s,
	    'the table');
	is_soon { ($f->metric('monovtx_read_total') // 0) == 900 }
	    'what it says to have read';
	is($f->metric('monovtx_read_total', source_partition => 1), 300,
	    'of a partition');
	is($f->metric("monovtx_${_}_total"), 900, $_) for qw(ack sink_write);
	my ($pid) = $f->status->{foreign}{pid};

	kill('STOP', $pid);
	$broker->produce($topic, 300);
	is_soon { ($f->metric('monovtx_pending_raw') // -1) == 300 }
	    'it stands still: the lag grows';
	kill('CONT', $pid);
	is_soon { ($f->metric('monovtx_pending_raw') // -1) == 0 }
	    'and goes to 0 again';
	my (undef, $members) = $broker->group($f->{group});

	is(scalar @$members, 1, 'who looks is no member');
	is_soon { ($f->metric('monovtx_ack_total') // 0) == 1200 }
	    'and so do the counters';
	kill('KILL', $pid);
	is_soon { ($f->status->{foreign}{pid} // $pid) != $pid } 'another one';
	$broker->produce($topic, 60);
	is_soon { ($f->metric('monovtx_ack_total') // 0) == 1260 }
	    'goes on counting where it was';
	$f->reload_ok(sub { $_[0]{containerTemplate} =
	    Test::Forebay::chosen('c') }, 'to our own workers');
	$f->await_held($PARTITIONS);
	is($f->partitions->{"$topic/0"}{state}, 'HELD', 'whose own it is then');
	$broker->produce($topic, 40);
	is_soon { ($f->metric('monovtx_ack_total') // 0) == 1300 }
	    'who go on counting, too';
	is($f->metric('monovtx_read_total'), 1300, 'what is read as well');
	is((() = ($f->http('/metrics'))[1] =~
	    /^monovtx_read_total\{[^}]*source_partition="1"\}/mg), 1,
	    'in one series for each partition');
	$f->stop;
};

scenario 'a port that is wanted twice' => sub {
	my $dir = scratch();
	my $f = foreign($dir);

	$f->edit(sub {
		$_[1]{http}{listen} = "127.0.0.1:$f->{port}";
		$_[1]{runtimes}{other}{readiness} = { port => $f->{port} };
	});
	my ($status, undef, $err) = run([$f->command, 'test', '-c',
	    $f->{file}]);

	is($status, 2, 'refused, if its readiness is asked for there');
	like($err, qr{spec\.http\.listen: .* is asked for at the same port},
	    'with why');
	$f->edit(sub { delete $_[1]{runtimes}{other}{readiness} });
	$f->start;
	is_soon { $f->log_text =~ /give http\.listen another port/ }
	    'else it is said what is missing';
	$broker->produce($f->{topics}[0], 90);
	$f->await_caught_up;
	is_soon { ($f->metric('forebay_partition_committed') // 0) == 90 }
	    'and all else is seen';
	is($f->metric('monovtx_ack_total'), 0, 'its counters are not');
	like($f->log_text, qr/numaflow\.py: port \d+: .*in use/,
	    'it goes on without the port');
	$f->stop;
};

scenario 'it is started again, whatever it ends with' => sub {
	my $dir = scratch();
	my $f = foreign($dir);

	$f->start;
	is_soon { ($f->http('/readyz'))[0] == 204 && told($dir) } 'it runs';
	spew("$dir/exit", 0);
	is_soon { $f->log_text =~
	    /exited with code 0; nobody had asked it to/ }
	    'an end with 0 that nobody asked for';
	is_soon { ($f->http('/readyz'))[0] == 503 } 'is a failure';
	is_soon { ($f->status->{foreign}{spawns} // 0) == 2 } 'after a while '
	    . 'it is started again';
	my $pid = $f->status->{foreign}{pid};

	kill('KILL', $pid);
	is_soon { ($f->status->{foreign}{deaths} // 0) == 2 } 'killed';
	$broker->produce($f->{topics}[0], 100);
	$f->await_caught_up;
	is($f->status->{foreign}{spawns}, 3, 'and once more, and it goes on');
	is_soon { !@{$f->status->{alarms}} } 'then the alarm is over';
	$f->stop;
	like($f->log_text, qr/notice .*exited with code 0$/m,
	    'when it was asked to, 0 is as it should be');
};

# The one that all of the above stands for.
scenario 'the stock binary' => sub {
	my $rs = $ENV{FOREBAY_NUMAFLOW_RS} or return skip_for(
	    'FOREBAY_NUMAFLOW_RS says no path of a numaflow-rs',
	    machine => 1);
	my $f = Test::Forebay->new(broker => $broker,
	    topic => $broker->topic($PARTITIONS), runtime => 'rust',
	    sink => 'blackhole', host => { runtimes => { rust => {
		command => [$rs, 'processor'],
		readiness => { port => 2469 } } } });

	return skip_for('port 2469, which it must have, is taken',
	    machine => 1) unless IO::Socket::INET->new(Listen => 1,
	    LocalAddr => '0.0.0.0', LocalPort => 2469, ReuseAddr => 1);
	$broker->produce($f->{topics}[0], 3000);
	$f->start;
	is_soon { ($f->http('/readyz'))[0] == 204 } 'it is ready', 60;
	$f->await_caught_up(120);
	is_soon { ($f->metric('forebay_lag') // -1) == 0 } 'the lag is 0';
	is_soon { ($f->metric('monovtx_ack_total') // 0) == 3000 }
	    'what it has acknowledged';
	is($f->metric('monovtx_read_total'), 3000, 'and read');
	is($f->metric('monovtx_read_total', source_partition => $_), 1000,
	    "of partition $_") for 0 .. 2;
	is($f->metric('monovtx_sink_write_total'), 3000, 'and written');
	$f->reload_ok(sub { $_[0]{containerTemplate} =
	    Test::Forebay::chosen('c') }, 'to our own workers');
	$f->await_held($PARTITIONS);
	is($f->metric('monovtx_ack_total'), 3000, 'whose counters go on');
	$f->stop;
};

done_testing();
