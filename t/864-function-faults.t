#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The function that goes wrong on purpose does it as it is told, and is well
# afterwards; a client that is not forebay sees it.
use strict;
use warnings;

use Test::More;

use Test::Forebay::Function;
use Test::Forebay::Util;

# What calls it needs grpcio.
Test::Forebay::Function->need('python');

my @RECORDS = map { { value => "r$_" } } 1 .. 4;

# What the connection's end is called differs with where it was noticed.
my $BROKEN = qr/^(?:UNAVAILABLE|INTERNAL|UNKNOWN)$/;

# What that client makes of each: the code of gRPC; an empty one for answers
# of which some are missing, and for none that are wrong.
my @SINK = (
	['crash' => qr/^UNAVAILABLE$/],
	['crash-half' => qr/^UNAVAILABLE$/],
	['hang' => qr/^$/, '--seconds', '0.2'],
	['close' => qr/^UNAVAILABLE$/],
	['garbage' => $BROKEN],
	['half-frame' => $BROKEN],
	['large-frame' => $BROKEN],
	['too-large' => qr/^RESOURCE_EXHAUSTED$/],
	['compressed' => qr/^(?:INTERNAL|UNIMPLEMENTED)$/],
	['unknown-id' => qr/^ID$/],
	['duplicate-id' => qr/^TWICE$/],
	['missing-id' => qr/^$/],
	['no-eot' => qr/^DEADLINE_EXCEEDED$/],
	['no-eot-end' => qr/^$/],
	['invalid' => qr/^NONE$/],
	['status' => qr/^NONE$/],
	['goaway' => qr/^UNAVAILABLE$/],
	['rst' => qr/^(?:INTERNAL|UNKNOWN)$/],
	['error' => qr/^INTERNAL$/],
	['http-error' => qr/^UNAVAILABLE$/],
	['no-handshake' => qr/^NONE$/],
	['not-ready' => qr/^NONE$/],
	['refuse' => qr/^$/],
);

for (@SINK) {
	my ($fault, $code, @args) = @$_;

	scenario "sink: $fault" => sub {
		my $f = Test::Forebay::Function->new(fault => $fault,
		    args => \@args,
		    timeout => $fault eq 'no-eot' ? 1 : undef)->start;
		my $got = $f->call(@RECORDS);

		like($got->{error}{code} // '', $code, 'the fault is seen') or
		    diag(explain($got), $f->log_text);
		is(scalar(grep { /^\d$/ } keys %$got), 3, 'one is missing')
		    if $fault eq 'missing-id';
		like($got->{error}{details},
		    qr/UDF_EXECUTION_ERROR\(udsink\): it failed/, 'its text')
		    if $fault eq 'error';
		if ($fault =~ /^crash/) {
			is_soon { !$f->is_alive } 'it is dead';
			$f->stop;
			$f->start;
		}
		$got = $f->call(@RECORDS);
		is(join(' ', map { $got->{$_}{status} // '' } 0 .. 3),
		    'SUCCESS SUCCESS SUCCESS SUCCESS', 'then it is well') or
		    diag(explain($got), $f->log_text);
		ok(!(grep { !$_->{answered} } ($f->seen)[-4 .. -1]),
		    'and has noted it');
	};
}

for my $role (qw(transformer map)) {
	for (['none' => qr/^$/], ['unknown-id' => qr/^ID$/],
	    ['error' => qr/^INTERNAL$/], ['invalid' => qr/^NONE$/],
	    ['rst' => qr/^(?:INTERNAL|UNKNOWN)$/]) {
		my ($fault, $code) = @$_;

		scenario "$role: $fault" => sub {
			my $f = Test::Forebay::Function->new(role => $role,
			    fault => $fault)->start;
			my $got = $f->call(@RECORDS);

			like($got->{error}{code} // '', $code,
			    'the fault is seen') or
			    diag(explain($got), $f->log_text);
			is($f->call(@RECORDS)->{3}{results}[0]{value}, 'r4',
			    'then it is well');
		};
	}
}

scenario 'a map in batches' => sub {
	my $f = Test::Forebay::Function->new(role => 'map', mode => 'batch',
	    fault => 'missing-id')->start;

	is(scalar keys %{$f->call(@RECORDS)}, 3, 'one is missing');
	is(scalar keys %{$f->call(@RECORDS)}, 4, 'then it is well');
};

for my $fault (qw(info-cut info-garbage)) {
	scenario $fault => sub {
		my $f = Test::Forebay::Function->new(fault => $fault);

		$f->spawn_only;
		is_soon { -s $f->info } 'its file is there';
		$fault eq 'info-cut'
		    ? unlike(slurp($f->info), qr/__END__/, 'cut')
		    : unlike(slurp($f->info), qr/"protocol"/, 'garbage');
		$f->stop;
		$f->start;
		like(slurp($f->info), qr/"protocol".*U\+005C__END__\z/,
		    'then it is well');
	};
}

done_testing();
