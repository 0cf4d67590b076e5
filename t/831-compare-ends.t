#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# How `forebay compare` ends: on a broker that cannot delete groups (the mock
# cluster), on a signal, with a page that cannot be written.
use strict;
use warnings;

use JSON::PP ();
use Test::More;

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

my $RECORDS = 500;
my $broker = Test::Forebay::Mock->new;

sub prepare
{
	my ($dir) = @_;
	my $topic = $broker->topic(2);
	my $f = Test::Forebay->new(broker => $broker, topic => $topic,
	    workers => 1, host => { runtimes => {
		ends => { command => ['/bin/false'] },
		works => { command => ['/bin/false'],
		    protocol => 'worker' } } });

	$f->{finished} = 1;	# nothing is started by it
	$broker->produce($topic, $RECORDS);
	return $f;
}

sub command
{
	my ($f, @args) = @_;

	return [build_dir() . '/forebay', 'compare', '-c', $f->{file},
	    '--runtimes', 'c', '--json', @args];
}

sub runs_of
{
	my ($out) = @_;
	my $o = eval { JSON::PP->new->decode($out) };

	return map { @{$_->{runs}} } map { @{$_->{runtimes}} }
	    @{($o // {})->{cases} // []};
}

scenario('a broker that cannot delete groups' => sub {
	my $dir = scratch();
	my $f = prepare($dir);
	my ($status, $out, $err) = run(command($f, '--rounds', 2),
	    env => { TMPDIR => $dir }, timeout => patience(60));

	is($status, 0, 'exit status') or diag($err);
	is(scalar(grep { $_->{ok} } runs_of($out)), 2, 'both rounds are shown');
	my @left = $err =~ /the consumer group (\S+) could not be deleted: /g;
	is(scalar @left, 2, 'each group that is left is named, once') or
	    diag($err);
	unlike($err, qr/no answer in time/, 'and nothing was waited for');
});

scenario('a stop shows the rounds that are finished' => sub {
	for my $signal (qw(INT TERM)) {
		my $dir = scratch();
		my $f = prepare($dir);
		my $pid = spawn(command($f, '--rounds', 1000),
		    env => { TMPDIR => $dir }, out => "$dir/out",
		    err => "$dir/err");

		is_soon { glob("$dir/forebay-compare-*/3/run/control") }
		    'the third round runs';
		kill($signal, $pid);
		my $status = reap($pid, patience(30));
		is(($status // 0) >> 8, $signal eq 'INT' ? 130 : 143,
		    "$signal ends it");
		like(slurp("$dir/err"), qr/interrupted/, 'and it says so');
		cmp_ok(scalar(grep { $_->{ok} } runs_of(slurp("$dir/out"))),
		    '>=', 2, 'the finished rounds are printed');
		is(join(' ', glob("$dir/forebay-compare-*")), '',
		    'no file is left');
	}
});

scenario('a runtime that ends at once' => sub {
	my $dir = scratch();
	my $f = prepare($dir);
	my ($status, $out, $err) = run(command($f, '--runtimes',
	    'ends,works,c', '--rounds', 1), env => { TMPDIR => $dir },
	    timeout => patience(60));

	is($status, 1, 'exit status');
	my $told = 'the program of runtime ends has ended (exit code 1); the ' .
	    'last of its log:';
	like($err, qr/\Q$told\E\n.*exited with code 1$/ms, 'its end is told');
	$told = 'runtime works: a worker of runtime works has died; the last';
	like($err, qr/^forebay: \Q$told\E.*exited with code 1:/ms,
	    'also that of a worker');
	is(scalar(grep { $_->{ok} } runs_of($out)), 1, 'the other goes on');
});

scenario('a page that cannot be written' => sub {
	my $dir = scratch();
	my $f = prepare($dir);
	my $page = "$dir/none/page.html";
	my ($status, $out, $err) = run(command($f, '--html', $page),
	    env => { TMPDIR => $dir }, timeout => patience(60));

	is($status, 1, 'exit status');
	is($err, "forebay: $page: No such file or directory\n",
	    'is said before anything runs');
	is($out, '', 'and nothing is shown');
});

done_testing();
